"""How Kafka is reached: one value that every client of ours is made from."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from aiokafka.codec import has_lz4, has_zstd
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
Compression = Literal["none", "gzip", "lz4", "zstd"]

_SASL: Final = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


class UnusableConnectionError(Exception):
    """A `KafkaConnection` that no client can be made from; the text names the setting and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConnection:
    """Where the brokers are, who we are to them, and how patiently we ask.

    Making one checks nothing and reads no file; `check` does.
    """

    bootstrap_servers: tuple[str, ...]
    """`host:port` each; one that answers is enough."""
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    """PEM file of the authorities to trust; None: the system's."""
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    """May be absent where `ssl_certfile` holds the key too."""
    client_id: str = "sofy-relay"
    compression: Compression = "none"
    linger_ms: int = 0
    request_timeout_ms: int = 1500

    @property
    def servers(self) -> str:
        """The bootstrap servers as people write them."""
        return ", ".join(self.bootstrap_servers)

    def check(self) -> None:
        """Find out whether clients can be made from this. Reads the certificate files; asks no broker.

        Raises:
            UnusableConnectionError: they cannot.
        """
        self.security()
        library = {"lz4": has_lz4, "zstd": has_zstd}.get(self.compression)
        if library is not None and not library():
            message = f"RELAY_KAFKA__COMPRESSION={self.compression} needs the Python package cramjam: install it."
            raise UnusableConnectionError(message)

    def security(self) -> BaseSecurity | None:
        """FastStream's security object; None for PLAINTEXT. Reads the certificate files, anew each time.

        Raises:
            UnusableConnectionError: a file is not readable or not what it should be, or the user is missing.
        """
        encrypted = self.security_protocol in {"SSL", "SASL_SSL"}
        context = self._ssl_context() if encrypted else None
        if self.security_protocol.startswith("SASL_"):
            if self.sasl_username is None or self.sasl_password is None:
                message = (
                    f"RELAY_KAFKA__SECURITY_PROTOCOL={self.security_protocol} needs "
                    "RELAY_KAFKA__SASL_USERNAME and RELAY_KAFKA__SASL_PASSWORD."
                )
                raise UnusableConnectionError(message)
            return _SASL[self.sasl_mechanism](
                self.sasl_username, self.sasl_password, ssl_context=context, use_ssl=encrypted
            )
        return BaseSecurity(ssl_context=context, use_ssl=True) if encrypted else None

    def client_options(self) -> dict[str, Any]:
        """The arguments that aiokafka's clients and connections share, without the servers.

        Raises:
            UnusableConnectionError: as `security`.
        """
        return {
            "client_id": self.client_id,
            "request_timeout_ms": self.request_timeout_ms,
            **parse_security(self.security()),
        }

    def _ssl_context(self) -> ssl.SSLContext:
        """A context that verifies certificate and host name; there is no setting to make it not."""
        try:
            context = ssl.create_default_context(cafile=self.ssl_cafile)
        except OSError as error:  # ssl.SSLError is one too
            message = f"RELAY_KAFKA__SSL_CAFILE={self.ssl_cafile} is no readable PEM file of certificates."
            raise UnusableConnectionError(message) from error
        if self.ssl_certfile is not None:
            try:
                # The empty password: without one, an encrypted key would be asked for on the terminal.
                context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, password="")
            except (OSError, ValueError) as error:
                message = (
                    f"RELAY_KAFKA__SSL_CERTFILE={self.ssl_certfile} and RELAY_KAFKA__SSL_KEYFILE="
                    f"{self.ssl_keyfile or ''} are no readable PEM files of a certificate and its key without password."
                )
                raise UnusableConnectionError(message) from error
        return context
