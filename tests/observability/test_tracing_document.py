"""docs/tracing.md names what spans say, and variables that OpenTelemetry reads."""

import re
from pathlib import Path

from opentelemetry.sdk import environment_variables

from relay.traced import MOST_SPANS
from tests.observability.traced_house import TracedHouse, attributes
from tests.sofy.payloads import body, item

DOCUMENT = (Path(__file__).parents[2] / "docs/tracing.md").read_text()
NOT_READ = {"OTEL_TRACES_EXPORTER", "OTEL_PROPAGATORS"}
"""Which the document says."""


async def test_it_names_every_attribute_of_a_span_and_no_other() -> None:
    house = TracedHouse()
    await house.post(body(item(), item(id="broken", status=None)))
    await house.post(body(webhookId="another"))
    await house.post(body(*(item(id=f"sms-{number}") for number in range(MOST_SPANS + 1))))
    await house.post(b"", path="/elsewhere")
    house.publisher.fault = ValueError()
    await house.post(body(item(id="fails")))

    said = {name for span in house.spans for name in attributes(span)}

    assert set(re.findall(r"`((?:error|http|messaging|sofy_relay|url)\.[a-z_.]+)`", DOCUMENT)) == said
    assert f"Of more than {MOST_SPANS} items" in DOCUMENT


def test_every_variable_that_it_names_is_one_of_opentelemetrys() -> None:
    known = {value for name, value in vars(environment_variables).items() if name.startswith("OTEL_")} | {
        "OTEL_PROPAGATORS",  # of the API
        "OTEL_TRACES_EXPORTER",  # of the automatic configuration
    }

    named = set(re.findall(r"\bOTEL_[A-Z_]*[A-Z]\b", DOCUMENT))

    assert named <= known
    assert named >= NOT_READ
