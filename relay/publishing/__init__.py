"""Making records durable: the port, the Kafka adapter behind it, and what keeps that supplied."""
