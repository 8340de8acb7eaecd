"""`relay check` of tracing: what OpenTelemetry makes of its variables."""

import pytest

from tests.cli.conftest import Run

SETTINGS = {
    "RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "RELAY_SOFY__TOKENS": '["a-long-random-token"]',
    "RELAY_TRACING__ENABLED": "true",
}


def test_it_says_that_webhooks_are_traced_and_where_to(run: Run) -> None:
    on = run("check", "--offline", env=SETTINGS)
    off = run("check", "--offline", env=SETTINGS | {"RELAY_TRACING__ENABLED": "false"})

    assert (on.exit_code, off.exit_code) == (0, 0)
    assert "ok      tracing: Webhooks are traced; spans go by OTLP over HTTP" in on.stdout
    assert "tracing:" not in off.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    ],
)
def test_a_variable_that_serve_would_end_with_fails_it(run: Run, name: str, value: str) -> None:
    result = run("check", "--offline", env=SETTINGS | {name: value})

    assert result.exit_code == 1
    assert "failed  tracing: " in result.stdout


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("OTEL_TRACES_SAMPLER", "sometimes", "Couldn't recognize sampler sometimes."),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "long", "Invalid timeout value 'long'"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "pl4nted", "Header format invalid!"),
    ],
)
def test_a_variable_that_opentelemetry_leaves_aside_is_a_warning_without_a_header(
    run: Run, name: str, value: str, says: str
) -> None:
    result = run("check", "--offline", env=SETTINGS | {name: value})

    assert result.exit_code == 0
    assert f"warning tracing: {says}" in result.stdout
    assert "pl4nted" not in result.output
