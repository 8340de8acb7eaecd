"""Every error of the Kafka client has its one reason."""

import pytest
from aiokafka import errors as kafka

from relay.publishing.failures import reason_of
from relay.reasons import Reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        # Unknown: it may still be stored.
        (kafka.RequestTimedOutError(), Reason.ACKNOWLEDGEMENT_TIMEOUT),
        (kafka.KafkaTimeoutError(), Reason.ACKNOWLEDGEMENT_TIMEOUT),
        (TimeoutError(), Reason.ACKNOWLEDGEMENT_TIMEOUT),
        # The cluster's state.
        (kafka.NotLeaderForPartitionError(), Reason.NO_LEADER),
        (kafka.LeaderNotAvailableError(), Reason.NO_LEADER),
        (kafka.NotEnoughReplicasError(), Reason.NOT_ENOUGH_REPLICAS),
        (kafka.NotEnoughReplicasAfterAppendError(), Reason.NOT_ENOUGH_REPLICAS),
        (kafka.UnknownTopicOrPartitionError(), Reason.TOPIC_MISSING),
        (kafka.InvalidTopicError(), Reason.TOPIC_MISSING),
        (kafka.NodeNotReadyError(), Reason.KAFKA_UNREACHABLE),
        (kafka.KafkaConnectionError(), Reason.KAFKA_UNREACHABLE),
        (kafka.StaleMetadata(), Reason.KAFKA_UNREACHABLE),
        (ConnectionRefusedError(), Reason.KAFKA_UNREACHABLE),
        # Our user.
        (kafka.TopicAuthorizationFailedError(), Reason.NOT_AUTHORIZED),
        (kafka.ClusterAuthorizationFailedError(), Reason.NOT_AUTHORIZED),
        (kafka.SaslAuthenticationFailed(), Reason.NOT_AUTHORIZED),
        (kafka.UnsupportedSaslMechanismError(), Reason.NOT_AUTHORIZED),
        (kafka.IllegalSaslStateError(), Reason.NOT_AUTHORIZED),
        (kafka.AuthenticationFailedError(), Reason.NOT_AUTHORIZED),
        # The record.
        (kafka.MessageSizeTooLargeError(), Reason.RECORD_TOO_LARGE),
        (kafka.RecordTooLargeError(), Reason.RECORD_TOO_LARGE),
        (kafka.RecordListTooLargeError(), Reason.RECORD_TOO_LARGE),
        # The producer.
        (kafka.ProducerClosed(), Reason.PRODUCER_FAILED),
        (kafka.ProducerFenced(), Reason.PRODUCER_FAILED),
        (kafka.KafkaError("Unexpected error during batch delivery"), Reason.PRODUCER_FAILED),
        # Anything else that a broker, or the client, says no with.
        (kafka.CorruptRecordException(), Reason.RECORD_REFUSED),
        (kafka.InvalidTimestampError(), Reason.RECORD_REFUSED),
        (kafka.UnknownError(), Reason.RECORD_REFUSED),
        (TypeError(), Reason.RECORD_REFUSED),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else type(value).__name__,
)
def test_an_error_has_its_reason(error: BaseException, reason: Reason) -> None:
    assert reason_of(error) is reason
