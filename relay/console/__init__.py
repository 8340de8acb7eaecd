"""The operator's page: what this pod does now and did in the last quarter of an hour, read-only."""
