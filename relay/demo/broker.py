"""A Kafka-protocol broker inside this process: librdkafka's mock cluster, out of the confluent-kafka wheel.

It speaks enough of the protocol for the demo and for quick tests: produce with acks=all, fetch, offsets,
groups of one member, transactions. What it is not, so that nobody trusts it with more:

- it persists nothing, and keeps about 5 MiB a partition: then it drops the oldest records silently;
- it has no admin requests: topics are made with `create_topic`. A client that asks for the metadata of a
  missing topic by name makes it be born with 4 partitions, so make every topic before a client starts;
- a group of two members never settles.
"""

import ctypes
import importlib
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

_PRODUCER = 0  # rd_kafka_type_t: RD_KAFKA_PRODUCER
_NO_ERROR = 0  # rd_kafka_resp_err_t: RD_KAFKA_RESP_ERR_NO_ERROR
_ERROR_TEXT_SIZE = 512


class EmbeddedBrokerError(Exception):
    """The embedded broker cannot do what was asked; the text says what to do."""


class EmbeddedBroker:
    """A cluster of `brokers` embedded brokers on free ports of 127.0.0.1, from `start` until `close`.

    Its brokers live in a thread of librdkafka's, not in an event loop. Every call takes a lock of that
    thread's and so may block, for milliseconds: call from a thread where that matters. Not to be shared
    between threads without a lock, nor carried over a fork. Also a context manager (starts, closes).
    """

    def __init__(self, *, brokers: int = 1) -> None:
        self._count = brokers
        self._librdkafka: _Librdkafka | None = None
        self._client: int | None = None
        self._cluster: int | None = None

    def start(self) -> None:
        """Start listening. Blocks for some milliseconds.

        Raises:
            EmbeddedBrokerError: confluent-kafka is not installed, or librdkafka refused; or it runs already.
        """
        if self._cluster is not None:
            message = "The embedded broker runs already: close it before starting it again."
            raise EmbeddedBrokerError(message)
        self._librdkafka = _Librdkafka()
        self._client = self._librdkafka.new_client()
        self._cluster = self._librdkafka.mock_cluster_new(self._client, self._count)
        if self._cluster is None:
            self._librdkafka.destroy(self._client)
            self._client = None
            message = f"librdkafka could not start {self._count} embedded brokers on 127.0.0.1."
            raise EmbeddedBrokerError(message)

    @property
    def bootstrap_servers(self) -> str:
        """`127.0.0.1:port`, comma-separated, one for each broker.

        Raises:
            EmbeddedBrokerError: it does not run.
        """
        librdkafka, cluster = self._running()
        servers: bytes = librdkafka.mock_cluster_bootstraps(cluster)
        return servers.decode()

    def create_topic(self, name: str, *, partitions: int) -> None:
        """Make the topic `name`, with its partitions replicated on min(3, brokers). Blocks for milliseconds.

        Raises:
            EmbeddedBrokerError: the topic exists, librdkafka refused it, or the broker does not run.
        """
        librdkafka, cluster = self._running()
        error = librdkafka.mock_topic_create(cluster, name.encode(), partitions, min(3, self._count))
        if error != _NO_ERROR:
            reason = librdkafka.error_text(error).decode()
            message = f"The embedded broker did not make the topic {name} with {partitions} partitions: {reason}."
            raise EmbeddedBrokerError(message)

    def close(self) -> None:
        """Stop listening and forget all records. May be called twice. Blocks for milliseconds."""
        if self._librdkafka is not None and self._client is not None and self._cluster is not None:
            self._librdkafka.mock_cluster_destroy(self._cluster)
            self._librdkafka.destroy(self._client)
        self._cluster = self._client = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> tuple["_Librdkafka", int]:
        if self._librdkafka is None or self._cluster is None:
            message = "The embedded broker does not run: start it first."
            raise EmbeddedBrokerError(message)
        return self._librdkafka, self._cluster


class _Librdkafka:
    """The few functions of librdkafka's C interface that a mock cluster needs, with their types.

    confluent-kafka's Python objects hide the handle that the mock functions take; through the library that
    it loaded we make one of our own. The functions are stable since librdkafka 1.3 (`rdkafka_mock.h`).
    """

    def __init__(self) -> None:
        try:
            extension = importlib.import_module("confluent_kafka.cimpl")
        except ImportError as error:
            message = "The embedded broker comes with confluent-kafka: install sofy-relay[demo]."
            raise EmbeddedBrokerError(message) from error
        # A symbol asked of the extension is looked up in the libraries that it is linked with, whatever their names.
        library = ctypes.CDLL(extension.__file__)
        pointer, text, integer = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int

        def function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:  # noqa: ANN401 - ctypes types have no common public base
            try:
                found: Callable[..., Any] = getattr(library, name)
            except AttributeError as error:
                message = f"This build of confluent-kafka hides {name}: install sofy-relay[demo] from a binary wheel."
                raise EmbeddedBrokerError(message) from error
            found.restype, found.argtypes = result, arguments  # type: ignore[attr-defined]  # a ctypes function takes both
            return found

        self._conf_new = function("rd_kafka_conf_new", pointer)
        self._conf_set_log_cb = function("rd_kafka_conf_set_log_cb", None, pointer, pointer)
        self._new = function("rd_kafka_new", pointer, integer, pointer, text, ctypes.c_size_t)
        self.destroy = function("rd_kafka_destroy", None, pointer)
        self.error_text = function("rd_kafka_err2str", text, integer)
        self.mock_cluster_new = function("rd_kafka_mock_cluster_new", pointer, pointer, integer)
        self.mock_cluster_destroy = function("rd_kafka_mock_cluster_destroy", None, pointer)
        self.mock_cluster_bootstraps = function("rd_kafka_mock_cluster_bootstraps", text, pointer)
        self.mock_topic_create = function("rd_kafka_mock_topic_create", integer, pointer, text, integer, integer)

    def new_client(self) -> int:
        """A client's handle for the mock cluster to live with; it connects to nothing and logs nothing."""
        configuration = self._conf_new()
        self._conf_set_log_cb(configuration, None)  # the default one writes to stderr, which is the relay's log
        error_text = ctypes.create_string_buffer(_ERROR_TEXT_SIZE)
        client: int | None = self._new(_PRODUCER, configuration, error_text, _ERROR_TEXT_SIZE)
        if client is None:
            message = f"librdkafka could not start: {error_text.value.decode()}."
            raise EmbeddedBrokerError(message)
        return client
