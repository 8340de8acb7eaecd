"""Which of our reasons an error of the Kafka client is."""

import ssl
from typing import Final

from aiokafka import errors as kafka

from relay.reasons import Reason

_REASONS: Final[tuple[tuple[Reason, tuple[type[BaseException], ...]], ...]] = (
    # Unknown: the broker may have stored the record all the same.
    (Reason.ACKNOWLEDGEMENT_TIMEOUT, (kafka.RequestTimedOutError, kafka.KafkaTimeoutError, TimeoutError)),
    (Reason.NO_LEADER, (kafka.NotLeaderForPartitionError, kafka.LeaderNotAvailableError)),
    (Reason.NOT_ENOUGH_REPLICAS, (kafka.NotEnoughReplicasError, kafka.NotEnoughReplicasAfterAppendError)),
    (
        Reason.NOT_AUTHORIZED,
        (
            kafka.TopicAuthorizationFailedError,
            kafka.ClusterAuthorizationFailedError,
            kafka.SaslAuthenticationFailed,
            kafka.UnsupportedSaslMechanismError,
            kafka.IllegalSaslStateError,
            kafka.AuthenticationFailedError,
            kafka.AuthenticationMethodNotSupported,
        ),
    ),
    (Reason.TOPIC_MISSING, (kafka.UnknownTopicOrPartitionError, kafka.InvalidTopicError)),
    (
        Reason.RECORD_TOO_LARGE,
        (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError, kafka.RecordTooLargeError),
    ),
    (Reason.PRODUCER_FAILED, (kafka.ProducerClosed, kafka.ProducerFenced)),
    # The connection broke or could not be made until the record expired. Unknown too, if it broke in between.
    (
        Reason.KAFKA_UNREACHABLE,
        (kafka.NodeNotReadyError, kafka.KafkaConnectionError, kafka.StaleMetadata, ConnectionError),
    ),
)


def reason_of(error: BaseException) -> Reason:
    """Give the reason that `error`, of aiokafka's producer or connection, stands for."""
    if refuses_our_certificate(error):
        return Reason.NOT_AUTHORIZED
    for reason, classes in _REASONS:
        if isinstance(error, classes):
            return reason
    # A sender that dies fails what it holds with the bare base class, which means nothing else in the producer.
    return Reason.PRODUCER_FAILED if type(error) is kafka.KafkaError else Reason.RECORD_REFUSED


def refuses_our_certificate(error: BaseException) -> bool:
    """Say whether a broker ended a TLS connection for who we are: an alert of its, where we had believed it."""
    alert = error.__cause__ if isinstance(error, kafka.KafkaConnectionError) else error
    return (
        isinstance(alert, ssl.SSLError)
        and not isinstance(alert, ssl.SSLCertVerificationError)
        and "ALERT" in (alert.reason or "")
        and "CERTIFICATE" in (alert.reason or "")
    )
