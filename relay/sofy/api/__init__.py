"""Sofy's API, v1 and v2, for the operator's commands; nothing that serves calls it."""
