"""Where the brokers may be and how one logs in. An operator's cluster is his own, so its address is a variable."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

SECURITY_SCHEMES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "scramSha512": {
            "type": "scramSha512",
            "description": "SASL_SSL with SCRAM-SHA-512: the broker never sees the password itself. Preferred.",
        },
        "scramSha256": {"type": "scramSha256", "description": "SASL_SSL with SCRAM-SHA-256."},
        "userPassword": {"type": "userPassword", "description": "SASL_SSL with PLAIN."},
        "mutualTls": {"type": "X509", "description": "SSL: the client's certificate says who it is."},
    }
)


def servers() -> dict[str, Any]:
    """Give the Server Objects by name: an encrypted cluster with a login, and an open one on one's own machine."""
    return {
        "secure": {
            **_address(host="kafka.example.com", port="9093"),
            "protocol": "kafka-secure",
            "title": "A cluster with TLS",
            "summary": "Encrypted; the client proves who it is in one of the ways named.",
            "description": (
                "Certificate and host name are to be verified. A consumer needs Read and Describe on the topic and "
                "Read on its group."
            ),
            "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in SECURITY_SCHEMES],
        },
        "local": {
            **_address(host="localhost", port="9092"),
            "protocol": "kafka",
            "title": "A broker on this machine",
            "summary": "Neither encrypted nor asking who one is: for development alone.",
        },
    }


def _address(*, host: str, port: str) -> dict[str, Any]:
    return {
        "host": "{host}:{port}",
        "variables": {
            "host": {
                "default": host,
                "description": "Any broker: ask whoever operates the cluster, as yours may be another listener.",
            },
            "port": {"default": port, "description": "The port of the listener that is for you."},
        },
    }
