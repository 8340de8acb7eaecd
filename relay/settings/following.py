"""Files that are followed while the relay runs: mounted tokens, keys, passwords and certificates.

Kubernetes changes a mounted Secret under its readers (unless it is mounted by `subPath`). What is read again
is exactly what `docs/configuration.md` says; every other setting stays as it was read at the start.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from relay.settings import Settings
from relay.settings.environment import FILE_SUFFIX, Loaded, load

WEBHOOK_CREDENTIALS: Final = (
    "RELAY_SOFY__TOKENS",
    "RELAY_SOFY__SECRETS",
    "RELAY_SOFY__WEBHOOK_IDS",
    "RELAY_SOFY__ACCOUNTS",
)
KAFKA_CREDENTIALS: Final = ("RELAY_KAFKA__SASL_USERNAME", "RELAY_KAFKA__SASL_PASSWORD")
CERTIFICATES: Final = ("RELAY_KAFKA__SSL_CAFILE", "RELAY_KAFKA__SSL_CERTFILE", "RELAY_KAFKA__SSL_KEYFILE")
FOLLOWED: Final = (*WEBHOOK_CREDENTIALS, *KAFKA_CREDENTIALS, *CERTIFICATES)
"""The settings whose files are followed; of the certificates also the files that they name."""

_Contents = Mapping[str, bytes | None]
"""By path: a digest, or None where the file could not be read."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """What the followed files say by now."""

    settings: Settings
    webhooks: bool
    """Tokens, keys, expected registrations or accounts are others than before."""
    kafka: bool
    """Kafka's user, password or certificates are others than before."""


class FollowedFiles:
    """The followed files of one process. `look` is for one thread at a time."""

    def __init__(self, environ: Mapping[str, str], loaded: Loaded) -> None:
        """Take what was read at the start, from `environ`; reads the files once more to know what they hold."""
        files = [name + FILE_SUFFIX for name in FOLLOWED if loaded.given.get(name) == name + FILE_SUFFIX]
        others = {name: text for name, text in loaded.texts.items() if name + FILE_SUFFIX not in files}
        self._environ = others | {name: environ[name] for name in files}
        self._named = [environ[name] for name in files]
        self.webhooks = any(name + FILE_SUFFIX in files for name in WEBHOOK_CREDENTIALS)
        """Whether what webhooks prove themselves with is among what is followed."""
        self._settings = loaded.settings
        self._loaded = loaded
        self._held = self._seen = self._read()
        self._certificates = self._of_certificates(self._held)

    @property
    def any(self) -> bool:
        """Whether there is anything to follow."""
        return bool(self._held)

    def look(self) -> Renewal | None:
        """Read the files; give what they hold if it is not what they held, or None. Blocks on the disk only.

        A new content counts once two looks have found it the same: by then nobody is still writing it.

        Raises:
            SettingsError: what they hold cannot be used. Once for each content.
        """
        now = self._read()
        settled, self._seen = now == self._seen, now
        if not settled or now == self._held:
            return None
        self._held = now
        before, after = self._settings, self._load()
        self._settings = after
        now = self._read()  # a file may be named by another setting by now
        self._held = self._seen = now
        certificates_before, self._certificates = self._certificates, self._of_certificates(now)
        return Renewal(
            after,
            webhooks=before.sofy != after.sofy,
            kafka=before.kafka != after.kafka or certificates_before != self._certificates,
        )

    def _load(self) -> Settings:
        return load(self._environ, to_serve=self._loaded.to_serve, groups=self._loaded.groups).settings

    def _read(self) -> _Contents:
        return {path: _digest(path) for path in (*self._named, *_certificate_files(self._settings))}

    def _of_certificates(self, contents: _Contents) -> list[bytes | None]:
        return [contents[path] for path in _certificate_files(self._settings)]


def _certificate_files(settings: Settings) -> list[str]:
    kafka = settings.kafka
    return [path for path in (kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile) if path is not None]


def _digest(path: str) -> bytes | None:
    """Give a digest of a file's content: nothing secret is kept twice. A pipe could be read only once, so never."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a path that is not ours may be any text
            return None
        return sha256(Path(path).read_bytes()).digest()
    except (OSError, ValueError):
        return None
