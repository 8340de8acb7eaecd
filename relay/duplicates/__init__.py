"""The duplicate window: which ids are known to be on Kafka, and which are on their way."""
