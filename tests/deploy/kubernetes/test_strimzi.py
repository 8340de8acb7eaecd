"""Strimzi's topics are the settings' own, and its users may do what they need and nothing else: on a real broker."""

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # as in tests/kafka/guarded.py
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from relay.events.latest import take_in
from relay.events.records import latest_record
from relay.events.sms_status import Status
from relay.events.times import rfc3339
from relay.kafka_settings import destinations, topic_specs
from relay.settings.environment import load
from tests.cli.processes import relay
from tests.cli.sofy_api import answering, beside
from tests.deploy.kubernetes.checks import variables
from tests.deploy.kubernetes.manifests import WHOLE, built, of_kind, pods
from tests.deploy.kubernetes.mounted import stand_ins
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.guarded import PASSWORD, USER, WITHIN_S, GuardedKafka
from tests.simulator.receiver import Received, Reply
from tests.sofy.api_stand import as_json
from tests.sofy.payloads import body, item
from tests.streams.facts import event

pytestmark = pytest.mark.ops

SETTINGS = load({"RELAY_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092"}).settings
_OPERATIONS = {"Read": "READ", "Write": "WRITE", "Describe": "DESCRIBE", "DescribeConfigs": "DESCRIBE_CONFIGS"}


def rights(name: str) -> list[dict[str, Any]]:
    [user] = [each for each in of_kind(built("kafka"), "KafkaUser") if each["metadata"]["name"] == name]
    return list(user["spec"]["authorization"]["acls"])


def test_the_topics_are_those_of_the_settings_to_the_last_word() -> None:
    found = {each["metadata"]["name"]: each["spec"] for each in of_kind(built("kafka"), "KafkaTopic")}

    wanted = {
        spec.name: {
            "partitions": spec.partitions,
            "replicas": spec.replication_factor,
            "config": {name: int(value) if value.isdigit() else value for name, value in spec.configs.items()},
        }
        for spec in topic_specs(SETTINGS)
    }
    assert found == wanted


def test_the_relay_may_write_the_topics_that_it_writes_and_read_none() -> None:
    found = {right["resource"]["name"]: right["operations"] for right in rights("sofy-relay")}

    assert found == {topic: ["Write", "DescribeConfigs"] for topic in destinations(SETTINGS).values()}


@pytest.mark.parametrize("name", ["sofy-relay", "sofy-relay-projector", "sofy-relay-operator"])
def test_a_user_has_rights_on_topics_that_there_are(name: str) -> None:
    topics = {right["resource"]["name"] for right in rights(name) if right["resource"]["type"] == "topic"}

    assert topics <= {spec.name for spec in topic_specs(SETTINGS)}


@pytest.fixture
def as_user(guarded_kafka: GuardedKafka, request: pytest.FixtureRequest) -> Iterator[GuardedKafka]:
    """The broker with the settings' topics, where the user `relay` has the rights of the KafkaUser of the test."""
    granted = [binding for right in rights(request.param) for binding in _bindings(right)]
    listed = guarded_kafka.admin.list_topics(timeout=WITHIN_S).topics
    for spec in topic_specs(SETTINGS):
        if spec.name not in listed:
            guarded_kafka.create_topic(spec.name)
    for done in guarded_kafka.admin.create_acls(granted).values():
        done.result(WITHIN_S)
    yield guarded_kafka
    for done in guarded_kafka.admin.delete_acls([_filter(each) for each in granted]).values():
        done.result(WITHIN_S)


@pytest.mark.parametrize("as_user", ["sofy-relay"], indirect=True)
async def test_with_the_relays_rights_a_relay_serves(as_user: GuardedKafka) -> None:
    connection = as_user.by_password
    relay = RelayProcess(
        ",".join(connection.bootstrap_servers),
        {},
        RELAY_KAFKA__SECURITY_PROTOCOL="SASL_SSL",
        RELAY_KAFKA__SASL_USERNAME=USER,
        RELAY_KAFKA__SASL_PASSWORD=PASSWORD,
        RELAY_KAFKA__SSL_CAFILE=str(connection.ssl_cafile),
    )

    async with relay:
        await relay.ready()
        answers = [await relay.post(each) for each in (body(), b"{", body(type="sms.reply"))]
        metrics = await relay.metrics()

    assert [answer.status_code for answer in answers] == [200] * 3
    assert "sofy_relay_topic_min_insync_replicas{" in metrics
    # Which of the two the client meets first is its own affair.
    forbidden = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}
    assert await asyncio.to_thread(read_one, as_user, "sofy.sms.status.v1") in forbidden


@pytest.mark.parametrize("as_user", ["sofy-relay-projector"], indirect=True)
def test_with_the_projectors_rights_one_reads_statuses_in_its_group_and_writes_the_latest_state(
    as_user: GuardedKafka,
) -> None:
    group = "sofy-relay-projector"

    assert read_one(as_user, "sofy.sms.status.v1", group) is None
    assert read_one(as_user, "sofy.sms.latest.v1", group) is None
    assert write_one(as_user, "sofy.sms.latest.v1") is None
    assert write_one(as_user, "sofy.sms.status.v1") == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert read_one(as_user, "sofy.sms.status.v1", "another") == KafkaError.GROUP_AUTHORIZATION_FAILED


@pytest.mark.parametrize("as_user", ["sofy-relay-operator"], indirect=True)
def test_with_the_operators_rights_one_reads_writes_and_looks_and_makes_no_topic(as_user: GuardedKafka) -> None:
    topics = [spec.name for spec in topic_specs(SETTINGS)]

    assert [read_one(as_user, topic, "sofy-relay-operator") for topic in topics] == [None] * 4
    assert [write_one(as_user, topic) for topic in topics] == [None] * 4
    assert configs_error(as_user, topics[0]) is None
    assert write_one(as_user, f"new-{uuid.uuid4().hex}") is not None


@pytest.mark.parametrize("as_user", ["sofy-relay-operator"], indirect=True)
def test_with_the_operators_rights_the_cron_job_publishes_once_what_no_webhook_told(
    as_user: GuardedKafka, tmp_path: Path
) -> None:
    sms_id = f"sms-{uuid.uuid4().hex}"
    arguments, environment = reconciliation(as_user, tmp_path)
    write_waiting(as_user, sms_id)
    asked: list[str] = []

    def delivered(request: Received) -> Reply:
        asked.append(request.path)
        answer = item(id=sms_id, updatedAt=rfc3339(datetime.now(UTC) - timedelta(days=2)), isSmsFallback=False)
        return as_json(200, answer)

    with beside(answering(delivered)) as url:
        first, second = (relay(*arguments, env={**environment, "RELAY_SOFY__API_URL": url}) for _ in range(2))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.startswith(f"{sms_id}  published  ")
    assert second.stdout == ""
    assert asked == [f"/v2/sms/{sms_id}"]


@pytest.mark.parametrize("as_user", ["sofy-relay"], indirect=True)
def test_with_the_relays_rights_the_cron_job_says_that_it_may_not_see_a_topic(
    as_user: GuardedKafka, tmp_path: Path
) -> None:
    arguments, environment = reconciliation(as_user, tmp_path)

    done = relay(*arguments, env=environment)

    assert done.returncode == 1
    assert done.stderr.startswith("Topic sofy.sms.latest.v1 is missing, or our user may not see it: ")


def reconciliation(kafka: GuardedKafka, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Give the CronJob's arguments and environment, for the broker of the test and its user."""
    manifests = built(WHOLE)
    [container] = [
        template["spec"]["containers"][0] for manifest, template in pods(manifests) if manifest["kind"] == "CronJob"
    ]
    connection = kafka.by_password
    authority = Path(str(connection.ssl_cafile)).read_text()
    files = stand_ins(variables(container, manifests), folder, password=PASSWORD, ca_crt=authority)
    here = {
        "RELAY_KAFKA__BOOTSTRAP_SERVERS": ",".join(connection.bootstrap_servers),
        "RELAY_KAFKA__SASL_USERNAME": USER,
    }
    return container["args"], {**files, **here}


def write_waiting(kafka: GuardedKafka, sms_id: str) -> None:
    """Write the latest state of an SMS that has waited for its final status for a hundred hours."""
    seen = {"received_at": datetime.now(UTC) - timedelta(hours=100)}
    record = latest_record(take_in(None, event(Status.PENDING, sms_id=sms_id).model_copy(update=seen), 0).state)
    producer = Producer(client(kafka))
    producer.produce("sofy.sms.latest.v1", record.value, record.key, headers=dict(record.headers))
    assert producer.flush(WITHIN_S) == 0


def client(kafka: GuardedKafka) -> dict[str, Any]:
    return {
        "bootstrap.servers": ",".join(kafka.by_password.bootstrap_servers),
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": USER,
        "sasl.password": PASSWORD,
        "ssl.ca.location": kafka.by_password.ssl_cafile,
        "allow.auto.create.topics": False,
    }


def read_one(kafka: GuardedKafka, topic: str, group: str = "") -> int | None:
    """Read until a record or the end of a partition comes; give the code of what forbids it."""
    consumer = Consumer(
        {
            **client(kafka),
            "group.id": group or "of-nobody",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        if group:
            consumer.subscribe([topic])
        else:
            consumer.assign([TopicPartition(topic, 0, 0)])
        for _ in range(int(WITHIN_S)):
            message = consumer.poll(1.0)
            if message is None:
                continue
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own name for it
                return None
            return int(error.code())
    finally:
        consumer.close()
    pytest.fail(f"neither a record nor an end nor an error of {topic}")


def write_one(kafka: GuardedKafka, topic: str) -> int | None:
    """Write one record; give the code of what forbids it."""
    told: list[int | None] = []
    producer = Producer({**client(kafka), "message.timeout.ms": int(WITHIN_S * 500)})
    producer.produce(
        topic, b"x", b"k", on_delivery=lambda error, _: told.append(None if error is None else error.code())
    )
    producer.flush(WITHIN_S)
    [code] = told
    return code


def configs_error(kafka: GuardedKafka, topic: str) -> BaseException | None:
    """Read a topic's configuration; give what forbids it."""
    asked = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient(client(kafka))  # kept: its answer ends with it
    return admin.describe_configs([asked])[asked].exception(WITHIN_S)


def _bindings(right: Mapping[str, Any]) -> Iterator[AclBinding]:
    resource = right["resource"]
    for operation in right["operations"]:
        yield AclBinding(
            ResourceType[resource["type"].upper()],
            resource["name"],
            ResourcePatternType.PREFIXED if resource["patternType"] == "prefix" else ResourcePatternType.LITERAL,
            f"User:{USER}",
            "*",
            AclOperation[_OPERATIONS[operation]],
            AclPermissionType.ALLOW,
        )


def _filter(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )
