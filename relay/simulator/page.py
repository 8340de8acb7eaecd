"""The OpenAPI document as a page that needs nothing else: no script, no font, no other host."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2563eb; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .75rem 1rem; border-radius: .4rem; overflow-x: auto; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; }
summary { cursor: pointer; padding: .5rem .8rem; } details > div { padding: 0 1rem .6rem; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; color: var(--accent); }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: .3rem .8rem .3rem 0; vertical-align: top; }
a { color: var(--accent); }
"""


def page(document: Mapping[str, Any]) -> str:
    """Give the HTML page of an OpenAPI document made by `relay.simulator.openapi`."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style>",
        f"<h1>{escape(info['title'])}</h1>",
        f"<p>Version {escape(info['version'])}, OpenAPI {escape(document['openapi'])}: ",
        "<a href=openapi.json>openapi.json</a></p>",
        f"<p>{_prose(info['description'])}</p>",
    ]
    tag = None
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                parts.append(f"<h2>{escape(tag)}</h2>{_keys(document, operation)}")
            parts.append(_operation(method, path, operation))
    parts.append("<h2>Schemas</h2>")
    parts += _schemas(document["components"]["schemas"])
    return "\n".join(parts)


def _keys(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    schemes = document["components"]["securitySchemes"]
    named = [schemes[name] for name in operation["security"][0]]
    headers = [scheme.get("name", "Authorization: Bearer …") for scheme in named]
    return "<p>Key: " + ", ".join(f"<code>{escape(header)}</code>" for header in headers) + "</p>"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = []
    if "requestBody" in operation:
        rows.append(f"<tr><td>takes<td>{_content(operation['requestBody'])}<td>")
    for status, response in operation["responses"].items():
        rows.append(f"<tr><td>{status}<td>{_content(response)}<td>{_prose(response['description'])}")
    return (
        f"<details id='{escape(operation['operationId'])}'><summary><span class=method>{method.upper()}</span> "
        f"<code>{escape(path)}</code> {escape(operation['summary'])}</summary>"
        f"<div><table>{''.join(rows)}</table></div></details>"
    )


def _content(described: Mapping[str, Any]) -> str:
    schema = described.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return "no body"
    name = (schema.get("items") or schema)["$ref"].rpartition("/")[2]
    return f"{'array of ' if 'items' in schema else ''}<a href='#{name}'>{name}</a>"


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        yield (
            f"<details id='{escape(name)}' open><summary><code>{escape(name)}</code> "
            f"{escape(schema.get('description', ''))}</summary>"
            f"<div><pre>{escape(json.dumps(schema.get('properties', {}), indent=2))}</pre></div></details>"
        )


def _prose(text: str) -> str:
    """Give text as HTML; what stands between backquotes is code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))
