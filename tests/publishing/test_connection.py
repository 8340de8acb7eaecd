"""One value becomes the security settings of every client, and says what is wrong with it."""

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from relay.publishing.connection import KafkaConnection, SaslMechanism, UnusableConnectionError


def connection(**changes: Any) -> KafkaConnection:  # noqa: ANN401 - any of its fields
    return KafkaConnection(bootstrap_servers=("broker:9092",), **changes)


def test_plaintext_has_no_security() -> None:
    assert connection().security() is None
    assert connection().client_options() == {"client_id": "sofy-relay", "request_timeout_ms": 1500}


def test_ssl_verifies_certificate_and_host_name() -> None:
    security = connection(security_protocol="SSL").security()

    assert type(security) is BaseSecurity
    assert security.ssl_context is not None
    assert security.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert security.ssl_context.check_hostname


@pytest.mark.parametrize(
    ("mechanism", "kind"),
    [("PLAIN", SASLPlaintext), ("SCRAM-SHA-256", SASLScram256), ("SCRAM-SHA-512", SASLScram512)],
)
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_reaches_the_client(mechanism: SaslMechanism, kind: type[BaseSecurity], protocol: str) -> None:
    by_user = connection(
        security_protocol=protocol, sasl_mechanism=mechanism, sasl_username="relay", sasl_password="planted"
    )

    security, options = by_user.security(), by_user.client_options()

    assert type(security) is kind
    assert (options["security_protocol"], options["sasl_mechanism"]) == (protocol, mechanism)
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("relay", "planted")
    assert (options["ssl_context"] is not None) == (protocol == "SASL_SSL")


def test_sasl_without_a_user_says_which_settings_are_missing() -> None:
    with pytest.raises(UnusableConnectionError, match="RELAY_KAFKA__SASL_USERNAME and RELAY_KAFKA__SASL_PASSWORD"):
        connection(security_protocol="SASL_SSL").check()


def test_our_own_certificate_is_loaded(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("relay.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "relay.pem")

    mutual = connection(
        security_protocol="SSL", ssl_cafile=str(tmp_path / "ca.pem"), ssl_certfile=str(tmp_path / "relay.pem")
    )

    mutual.check()


@pytest.mark.parametrize("content", [None, "", "no certificate"])
@pytest.mark.parametrize("setting", ["ssl_cafile", "ssl_certfile"])
def test_a_file_that_is_no_certificate_is_named_with_its_setting(
    tmp_path: Path, setting: str, content: str | None
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(UnusableConnectionError, match=f"RELAY_KAFKA__{setting.upper()}={file}"):
        connection(security_protocol="SSL", **{setting: str(file)}).check()


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_compression_without_another_package_is_usable(compression: str) -> None:
    connection(compression=compression).check()


def test_the_password_is_not_shown() -> None:
    assert "planted" not in repr(connection(sasl_password="planted"))
