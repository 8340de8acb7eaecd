"""The list of registrations as `relay webhooks list` shows it: a table for people, an object for programs."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from relay.cli.terminal import console, levelled, plain

if TYPE_CHECKING:
    from relay.cli.webhooks.registrations import Finding, Webhook


def as_json(found: Sequence["Webhook"], wrong: Sequence["Finding"], errors: Sequence[str]) -> dict[str, Any]:
    """Give the one JSON object; `errors` are a sentence for each key that could not be asked."""
    from relay.cli.webhooks.urls import shown

    listed = [
        {
            "id": each.id,
            "apis": list(each.versions),
            "url": shown(each.registration.url),
            "events": each.registration.events,
            "created_at": each.registration.created_at,
        }
        for each in found
    ]
    told = [{"kind": it.kind, "webhooks": it.webhooks, "says": it.says} for it in wrong]
    return {"webhooks": listed, "findings": told, "errors": list(errors)}


def print_list(found: Sequence["Webhook"], wrong: Sequence["Finding"]) -> None:
    """Print the table, then a line for each finding."""
    from rich.table import Table

    from relay.cli.webhooks.urls import shown

    screen = console()
    if not screen.is_terminal:
        screen.width = 1000  # a pipe has no width to fold a line to
    if found:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("ID", "API", "URL", "EVENTS", "REGISTERED"):
            table.add_column(title, overflow="fold")
        for each in found:
            it = each.registration
            events = "not said" if it.events is None else ", ".join(it.events)
            cells = (it.id, ", ".join(each.versions), shown(it.url), events, it.created_at or "not said")
            table.add_row(*(plain(cell) for cell in cells))
        screen.print(table)
    if found and wrong:
        screen.print()
    for finding in wrong:
        screen.print(levelled("failed", finding.kind.replace("_", " "), plain(finding.says)))
