"""The dashboard's rows, from top to bottom: is it fine, then the way of a webhook, then what carries it."""
