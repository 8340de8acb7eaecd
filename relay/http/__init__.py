"""The HTTP edge: connections and their bounds, the webhook's ASGI callable, its answers, the servers."""
