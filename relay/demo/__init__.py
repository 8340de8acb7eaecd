"""The demo: an embedded Kafka-protocol broker, the relay and a Sofy, in one process. Needs the extra `demo`."""
