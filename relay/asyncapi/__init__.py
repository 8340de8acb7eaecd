"""The AsyncAPI 3 document: what stands on which topic, for those who read it and for their tools."""

from relay.asyncapi.document import Stream, asyncapi_document, asyncapi_json

__all__ = ["Stream", "asyncapi_document", "asyncapi_json"]
