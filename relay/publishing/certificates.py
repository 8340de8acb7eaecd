"""When the certificate files of a connection expire."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from relay.publishing.connection import KafkaConnection

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def expiries(connection: KafkaConnection) -> dict[str, datetime]:
    """Give, by path, when a certificate file stops being of use; aware, UTC. Blocks on the disk only.

    Our own certificate with its chain: when the first of them expires, for then no broker believes it.
    The authorities: when the last of them expires, for one that was replaced may lie beside its successor.
    Without encryption, and for a file that cannot be read (`KafkaConnection.check` says why), nothing.
    """
    if connection.security_protocol not in {"SSL", "SASL_SSL"}:
        return {}
    found = {}
    for path, which in ((connection.ssl_cafile, max), (connection.ssl_certfile, min)):
        certificates = [] if path is None else _certificates(path)
        if path is not None and certificates:
            found[path] = which(certificate.not_valid_after_utc for certificate in certificates)
    return found


def _certificates(path: str) -> "list[Certificate]":
    # Here and not above: 15 MB that a relay without certificates does not need.
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415

    try:
        return load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError):
        return []
