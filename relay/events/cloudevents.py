"""CloudEvents 1.0 in Kafka's binary content mode: attributes as `ce_` headers, the data as the value.

Facts: the CloudEvents specification 1.0.2, its Kafka protocol binding, and its partitioning extension.
The SDK on PyPI writes the same headers but wants a `CloudEvent` object made and taken apart again
for each record; the tests compare ours with what it reads.
"""

import re
from typing import Final

JSON: Final = "application/json"
SMS_STATUS_SCHEMA: Final = "urn:sofy-relay:schema:sms-status:1"
OTHER_SCHEMA: Final = "urn:sofy-relay:schema:webhook-other:1"
SMS_LATEST_SCHEMA: Final = "urn:sofy-relay:schema:sms-latest:1"
SMS_STATUS_TYPE: Final = "fr.sofy.sms.status."
SMS_LATEST_TYPE: Final = "fr.sofy.sms.latest."

_KNOWN_TYPE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def other_type(provider_type: str) -> str:
    """Give the `ce_type` of an event type that the relay does not normalise."""
    return f"fr.sofy.{provider_type if _KNOWN_TYPE.fullmatch(provider_type) else 'unknown'}"


def headers(  # noqa: PLR0913 - these are CloudEvents' attributes, each by name
    *,
    id: str,  # noqa: A002 - CloudEvents' own name
    source: str,
    type: str,  # noqa: A002 - CloudEvents' own name
    dataschema: str,
    subject: str | None,
    time: str | None,
    partitionkey: str | None,
    traceparent: str | None,
) -> dict[str, str]:
    """Give the record headers of a CloudEvent with JSON data; an attribute that is None is absent.

    Header values are UTF-8 in Kafka, so no percent-encoding is needed.
    """
    made = {
        "content-type": JSON,
        "ce_specversion": "1.0",
        "ce_id": id,
        "ce_source": source,
        "ce_type": type,
        "ce_dataschema": dataschema,
    }
    if subject is not None:
        made["ce_subject"] = subject
    if time is not None:
        made["ce_time"] = time
    if partitionkey is not None:
        made["ce_partitionkey"] = partitionkey
    if traceparent is not None:
        made["traceparent"] = traceparent
    return made
