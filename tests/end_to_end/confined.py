"""Runs a program as a hardened container would: nothing can be written anywhere, and its user is nobody known.

    python tests/end_to_end/confined.py PROGRAM ARGUMENT...

Needs Linux 5.12 and its user namespaces; without them it ends with status 77 and says why. In a namespace of
its own every mount becomes read-only, /tmp, /var/tmp and /dev/shm too: with no writable directory at all a program that
wants a temporary file fails as it does where there is no /tmp.
"""

import ctypes
import os
import sys
from pathlib import Path

SKIP = 77
UID = 54321
"""Of no line in /etc/passwd, and of no home."""
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_SETATTR = 442
"""The system call's number, on every architecture."""
_MOUNT_ATTR_RDONLY = 0x1


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def confine() -> None:
    """Make everything read-only and become a user that nobody knows; for this process and its children.

    Raises:
        OSError: the machine does not let us.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    _check(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS))
    # One user exists in the new namespace: us, by another number. Outside of it our rights to read are what they were.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{UID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{UID} {group} 1")
    _check(libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
    attributes = _MountAttributes(attr_set=_MOUNT_ATTR_RDONLY)
    size = ctypes.sizeof(attributes)
    _check(libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, b"/", _AT_RECURSIVE, ctypes.byref(attributes), size))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    try:
        confine()
    except OSError as error:
        sys.stderr.write(f"this machine does not let us make a file system read-only: {error}\n")
        sys.exit(SKIP)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the test's own program
