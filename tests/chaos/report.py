"""The ledger and the verdicts as tables for people."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.chaos.arena import Result


def show(result: Result, console: Console) -> None:
    """Print both; the evidence under each invariant that broke."""
    figures = Table(title="Ledger", title_justify="left", show_header=False)
    figures.add_column()
    figures.add_column(justify="right")
    for name, value in result.ledger.as_json().items():
        shown = ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
        figures.add_row(name, shown)
    console.print(figures)
    for verdict in result.verdicts:
        mark = ("held  ", "green") if verdict.held else ("broken", "bold red")
        console.print(Text.assemble(mark, f"  {verdict.name}  {verdict.says}"))
        for line in verdict.evidence:
            console.print(f"          {line}", style="red", markup=False)
        if verdict.count > len(verdict.evidence):
            console.print(f"          and {verdict.count - len(verdict.evidence)} more", style="red")
