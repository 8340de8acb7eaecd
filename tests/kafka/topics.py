"""Topics made through the admin protocol, which only a real broker speaks."""

import logging
import re
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import Future

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

_ANSWER_WITHIN_S = 15.0
_POLL_S = 0.01


class TopicError(Exception):
    """A topic was not made, or never got its leaders."""


class Topics:
    """Makes topics on the brokers at `bootstrap_servers`. Every method blocks, for milliseconds to seconds."""

    def __init__(self, bootstrap_servers: str, *, prefix: str = "test") -> None:
        configuration: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap_servers}
        self._admin = AdminClient(configuration, logger=logging.getLogger(__name__))
        self._prefix = re.sub(r"[^A-Za-z0-9._-]+", "-", prefix)[:100]
        self._made: list[str] = []

    def unused_name(self) -> str:
        """A topic name that nobody used before. The topic does not exist."""
        return f"{self._prefix}.{uuid.uuid4().hex[:12]}"

    def create(
        self,
        name: str | None = None,
        *,
        partitions: int = 1,
        replicas: int = 1,
        settings: Mapping[str, str] | None = None,
    ) -> str:
        """Make a topic and wait until every partition has a leader. Gives its name, by default an unused one.

        Args:
            name: of the topic.
            partitions: how many.
            replicas: of each partition.
            settings: the topic's own configuration, such as `min.insync.replicas`.

        Raises:
            TopicError: the broker refused it, or it has no leaders after 15 s.
        """
        topic = name or self.unused_name()
        wanted = NewTopic(topic, partitions, replicas, config=dict(settings or {}))
        self._wait(topic, self._admin.create_topics([wanted], operation_timeout=_ANSWER_WITHIN_S)[topic])
        self._made.append(topic)
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        while not self._has_leaders(topic, partitions):
            if time.monotonic() > deadline:
                message = f"The topic {topic} has partitions without a leader after {_ANSWER_WITHIN_S:.0f} s."
                raise TopicError(message)
            time.sleep(_POLL_S)
        return topic

    def delete(self, name: str) -> None:
        """Delete a topic.

        Raises:
            TopicError: the broker refused.
        """
        self._wait(name, self._admin.delete_topics([name], operation_timeout=_ANSWER_WITHIN_S)[name])
        if name in self._made:
            self._made.remove(name)

    def delete_all(self) -> None:
        """Delete the topics that were made here, for a broker that outlives the tests."""
        for name in list(self._made):
            self.delete(name)

    def names(self) -> set[str]:
        """All topics there are, by a full listing: asking for one by name could create it."""
        return set(self._admin.list_topics(timeout=_ANSWER_WITHIN_S).topics)

    def brokers(self) -> int:
        """How many brokers the cluster has at this moment."""
        return len(self._admin.list_topics(timeout=_ANSWER_WITHIN_S).brokers)

    def _has_leaders(self, topic: str, partitions: int) -> bool:
        listed = self._admin.list_topics(timeout=_ANSWER_WITHIN_S).topics.get(topic)
        if listed is None or len(listed.partitions) != partitions:
            return False
        return all(partition.leader >= 0 for partition in listed.partitions.values())

    @staticmethod
    def _wait(topic: str, answer: Future[None]) -> None:
        try:
            answer.result(_ANSWER_WITHIN_S)
        except (KafkaException, TimeoutError) as error:
            message = f"The broker refused what was asked about the topic {topic}: {error}."
            raise TopicError(message) from error
