"""The types that settings have: how a text becomes a value, and what each accepts.

Every refusal has a type and no words: `relay.settings.environment` says it by place and type alone, because
the value may be a secret.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, LiteralString, NoReturn
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr
from pydantic import StringConstraints as Text
from pydantic_core import PydanticCustomError

MIB: Final = 1024 * 1024
_MAX_PORT: Final = 65535
_LONGEST_SIZE: Final = 32
_REDIS_SCHEMES: Final = MappingProxyType({"redis": False, "valkey": False, "rediss": True, "valkeys": True})
"""How the address of a Redis or Valkey server may begin, and whether that means TLS."""
_REDIS_PORT: Final = 6379
_LONGEST_DB: Final = 5


@dataclass(frozen=True, slots=True)
class Wants:
    """What a setting accepts, in words that follow "give"; stands in the field's metadata."""

    words: str


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Where a Redis or Valkey server answers, and who we are there. As text, the password is stars."""

    host: str
    port: int
    db: int
    username: str | None
    password: str | None = field(repr=False)
    tls: bool

    def __str__(self) -> str:
        login = "" if self.password is None else f"{self.username or ''}:********@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{login}{host}:{self.port}/{self.db}"


def _refuse(why: LiteralString) -> NoReturn:
    raise PydanticCustomError(why, why) from None


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _short(value: object) -> object:
    # pydantic's ByteSize raises OverflowError for a number beyond a double.
    if isinstance(value, str) and len(value) > _LONGEST_SIZE:
        _refuse("byte_size")
    return value


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        _refuse("repeated_name")
    return members


def _from_json(value: object) -> object:
    """Decode a text; anything else is already decoded."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, object_pairs_hook=_no_name_twice)
    except PydanticCustomError:
        raise
    except (ValueError, RecursionError):
        _refuse("not_json")


def accounts_from_json(value: object) -> object:
    """Turn ``{name: {…}}`` into a list of accounts, so that an error's place is a position, not a name."""
    decoded = _from_json(value)
    if isinstance(decoded, Mapping):
        if any(isinstance(members, Mapping) and "name" in members for members in decoded.values()):
            _refuse("extra_forbidden")
        return [
            {**members, "name": name} if isinstance(members, Mapping) else members for name, members in decoded.items()
        ]
    if isinstance(value, str):
        _refuse("not_an_object")
    return decoded


def _split_servers(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _port_in_range(server: str) -> str:
    if not 0 < int(server.rpartition(":")[2]) <= _MAX_PORT:
        _refuse("port_out_of_range")
    return server


def _normal_path(value: object) -> object:
    if not isinstance(value, str):
        return value
    path = value.strip().strip("/")
    return f"/{path}" if path else ""


def _usable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text.strip():
        _refuse("blank")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair: SecretStr lets it pass, and nobody could ever send it
            _refuse("string_unicode")
    return secret


def _store(value: object) -> object:
    """Turn ``redis://…`` into its parts; no query, so that nothing in it switches the verification off."""
    if not isinstance(value, str) or value.strip().lower() == "memory":
        return _lower(value)
    try:
        url = urlsplit(value.strip())
        host, port = url.hostname, url.port
    except ValueError:
        _refuse("string_pattern_mismatch")
    db = url.path.removeprefix("/") or "0"
    blank = any(letter.isspace() or not letter.isprintable() for letter in value.strip())
    if url.scheme not in _REDIS_SCHEMES or not host or blank or url.query or url.fragment:
        _refuse("string_pattern_mismatch")
    if not (db.isascii() and db.isdecimal()) or len(db) > _LONGEST_DB or (url.username and not url.password):
        _refuse("string_pattern_mismatch")
    return RedisUrl(
        host=host,
        port=_REDIS_PORT if port is None else port,
        db=int(db),
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        tls=_REDIS_SCHEMES[url.scheme],
    )


Port = Annotated[int, Field(ge=0, le=_MAX_PORT), Wants(f"a port from 1 to {_MAX_PORT}, or 0 for any free one")]
Name = Annotated[str, Text(strip_whitespace=True, min_length=1), Wants("a name")]
FilePath = Annotated[str, Text(min_length=1), Wants("the path of a readable file")]
WholeSeconds = Annotated[int, Field(ge=1), Wants("a whole number of seconds, at least 1")]
Hours = Annotated[int, Field(ge=1, le=24 * 365 * 100), Wants("a whole number of hours, at least 1")]
AccountName = Annotated[
    str,
    Text(pattern=r"^[a-z0-9-]+$", max_length=64),
    Wants("a name of at most 64 lower-case letters, digits and dashes"),
]
ApiUrl = Annotated[
    str,
    Text(strip_whitespace=True, pattern=r"^https?://[A-Za-z0-9._\[\]:-]+(/[A-Za-z0-9._~/-]*)?$"),
    Wants("an address such as https://api.sofy.fr"),
]
AnswerTime = Annotated[
    float, Field(ge=0.1, lt=4, allow_inf_nan=False), Wants("seconds from 0.1 to less than 4: Sofy waits 4")
]
DrainTime = Annotated[
    float, Field(gt=0, le=10, allow_inf_nan=False), Wants("seconds above 0, at most 10: the exit may take 20 in all")
]
Linger = Annotated[int, Field(ge=0, le=1000), Wants("a whole number of milliseconds from 0 to 1000")]
RequestTimeout = Annotated[int, Field(ge=100, le=30_000), Wants("a whole number of milliseconds from 100 to 30000")]
Replicas = Annotated[int, Field(ge=1, le=100), Wants("a whole number from 1 to 100")]
Partitions = Annotated[int, Field(ge=1, le=10_000), Wants("a whole number from 1 to 10000")]
Entries = Annotated[int, Field(ge=1, le=100_000_000), Wants("a whole number from 1 to 100000000")]
Count = Annotated[int, Field(ge=1), Wants("a whole number, at least 1")]
Flag = Annotated[bool, Wants("true or false")]
Secret = Annotated[SecretStr, AfterValidator(_usable), Wants("a text that is not blank")]
Topic = Annotated[
    str,
    Text(pattern=r"^[.]*[A-Za-z0-9_-][A-Za-z0-9._-]*$", max_length=249),
    Wants("a topic name: at most 249 letters, digits, dots, dashes and underscores"),
]
Secrets = Annotated[
    tuple[Secret, ...],
    BeforeValidator(_from_json),
    Wants('a JSON list of texts, such as ["first","second"]'),
]
WebhookIds = Annotated[
    tuple[Annotated[str, Text(strip_whitespace=True, min_length=1)], ...],
    BeforeValidator(_from_json),
    Wants('a JSON list of texts, such as ["first","second"]'),
]
Servers = Annotated[
    tuple[
        Annotated[
            str,
            Text(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$"),
            AfterValidator(_port_in_range),
        ],
        ...,
    ],
    BeforeValidator(_split_servers),
    Field(min_length=1),
    Wants("host:port of one or more brokers, separated by commas"),
]
Bytes = Annotated[
    ByteSize, Field(ge=1024), BeforeValidator(_short), Wants("a size of at least 1 KiB, such as 1048576 or 1MiB")
]
BasePath = Annotated[
    str,
    BeforeValidator(_normal_path),
    Text(pattern=r"^(/[.]*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$"),
    Wants("a path such as /hooks, of letters, digits and . _ ~ -, or leave it empty"),
]
SecurityProtocol = Annotated[
    Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
    BeforeValidator(_upper),
    Wants("PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
]
SaslMechanism = Annotated[
    Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
    BeforeValidator(_upper),
    Wants("PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
]
Compression = Annotated[
    Literal["none", "gzip", "lz4", "zstd"], BeforeValidator(_lower), Wants("none, gzip, lz4 or zstd")
]
KeepOrDrop = Annotated[Literal["keep", "drop"], BeforeValidator(_lower), Wants("keep or drop")]
KeepMaskOrHash = Annotated[Literal["keep", "mask", "hash"], BeforeValidator(_lower), Wants("keep, mask or hash")]
Store = Annotated[
    Literal["memory"] | RedisUrl,
    BeforeValidator(_store),
    Wants("memory, or an address such as redis://user:password@host:6379/0 (rediss:// for TLS)"),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error", "critical"],
    BeforeValidator(_lower),
    Wants("debug, info, warning, error or critical"),
]
LogFormat = Annotated[Literal["json", "console"], BeforeValidator(_lower), Wants("json or console")]
