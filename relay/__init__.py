"""Sofy Relay: Sofy's SMS status webhooks in, keyed, versioned, durable Kafka records out."""

__version__ = "0.1.0"
