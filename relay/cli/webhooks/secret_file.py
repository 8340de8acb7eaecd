"""A file that a secret is going to be written to: opened before there is one, readable by its owner only."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OWNER_ONLY = 0o600


class SecretFileError(Exception):
    """The file cannot be written; one sentence that says what to do."""


class SecretFile:
    """An open file, empty or with its former content until `write`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.written = False
        self._descriptor = descriptor

    def write(self, secret: str) -> None:
        """Make the secret and a final line break the file's content, on the disk when this returns.

        Raises:
            SecretFileError: the disk is full or broken.
        """
        content = f"{secret}\n".encode()
        try:
            os.ftruncate(self._descriptor, 0)
            if os.write(self._descriptor, content) == len(content):
                os.fsync(self._descriptor)
                self.written = True
        except OSError:
            pass
        if not self.written:
            message = f"The secret could not be written to {self.path}: is the disk full?"
            raise SecretFileError(message)


@contextmanager
def reserved(path: Path, *, force: bool = False) -> Iterator[SecretFile]:
    """Open `path` for a secret, so that what speaks against it shows before there is one.

    A file that exists is left alone, with `force` it is taken and made readable by its owner only. A new one that
    nothing was written to is gone when the context ends.

    Raises:
        SecretFileError: it exists, is no plain file, or may not be written.
    """
    descriptor, is_new = _open(path, force=force)
    file = SecretFile(path, descriptor)
    try:
        yield file
    finally:
        os.close(descriptor)
        if is_new and not file.written:
            path.unlink(missing_ok=True)


def _open(path: Path, *, force: bool) -> tuple[int, bool]:
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe that nobody reads must not hold us
    descriptor = None
    try:
        try:
            descriptor, is_new = os.open(path, flags | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), True
        except FileExistsError:
            if not force:
                message = f"{path} exists; name another file, or give --force to replace what it holds."
                raise SecretFileError(message) from None
            descriptor, is_new = os.open(path, flags), False
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError  # noqa: TRY301 - said with the others
        os.fchmod(descriptor, _OWNER_ONLY)
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        why = (os.strerror(error.errno) if error.errno else "not a plain file").lower()
        message = f"{path} cannot be written ({why}); name a file in a folder that you may write to."
        raise SecretFileError(message) from None
    return descriptor, is_new
