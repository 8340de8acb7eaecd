"""What a PromQL expression asks for: its selectors, its groupings. Pure; for rules, and for panels once filled in.

Grafana's variables are not PromQL where a duration stands (`[$__rate_interval]`): give them values first, by
`tests.deploy.grafana.queries.filled`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import promql_parser as parser

# Pairs, for the parser's own enumeration cannot be a key.
_OPERATORS: Final = (
    (parser.MatchOp.Equal, "="),
    (parser.MatchOp.NotEqual, "!="),
    (parser.MatchOp.Re, "=~"),
    (parser.MatchOp.NotRe, "!~"),
)
_LITERAL: Final = re.compile(r"[\w.:/ -]*")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label, as in `{outcome="deferred"}`."""

    label: str
    operator: str
    """`=`, `!=`, `=~` or `!~`."""
    value: str

    def values(self) -> tuple[str, ...] | None:
        """Give the words that it names, one of a plain matcher, several of `a|b|c`; None for any other pattern."""
        if self.operator in {"=", "!="}:
            return (self.value,)
        words = tuple(self.value.split("|"))
        return words if all(_LITERAL.fullmatch(word) for word in words) else None


@dataclass(frozen=True, slots=True)
class Selector:
    """A choice of series, and what is done to them first."""

    metric: str
    """Its name; empty where only matchers say what is meant."""
    matchers: tuple[Matcher, ...]
    range: timedelta | None = None
    """Of a range selector or of the subquery it stands in directly, else None."""
    functions: tuple[str, ...] = ()
    """The functions that it stands in, the outermost first; aggregations such as `sum` are none."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """The labels of one `by`, `without`, `on`, `ignoring` or `group_left`, and the series that it is about."""

    labels: tuple[str, ...]
    selectors: tuple[Selector, ...]


def selectors(expr: str) -> list[Selector]:
    """Give each selector of the expression, in reading order.

    Raises:
        ValueError: it is not PromQL; the text says what of it.
    """
    return list(_selectors(parser.parse(expr), ()))


def groupings(expr: str) -> list[Grouping]:
    """Give each list of labels in the expression, with the selectors below it. An empty list is none.

    Raises:
        ValueError: it is not PromQL; the text says what of it.
    """
    found: list[Grouping] = []

    def visit(node: parser.Expr) -> None:
        labels = tuple(_grouped(node))
        if labels:
            found.append(Grouping(labels, tuple(_selectors(node, ()))))

    parser.walk(parser.parse(expr), visit)
    return found


def _selectors(node: object, functions: tuple[str, ...]) -> Iterator[Selector]:
    match node:
        case parser.VectorSelector():
            yield Selector(node.name or "", _matchers(node), None, functions)
        case parser.MatrixSelector():
            selected = node.vector_selector
            yield Selector(selected.name or "", _matchers(selected), node.range, functions)
        case parser.Call():
            for argument in node.args:
                yield from _selectors(argument, (*functions, node.func.name))
        case parser.BinaryExpr():
            yield from _selectors(node.lhs, functions)
            yield from _selectors(node.rhs, functions)
        case parser.SubqueryExpr() if isinstance(node.expr, parser.VectorSelector):
            yield Selector(node.expr.name or "", _matchers(node.expr), node.range, functions)
        case parser.AggregateExpr() | parser.ParenExpr() | parser.UnaryExpr() | parser.SubqueryExpr():
            yield from _selectors(node.expr, functions)


def _matchers(node: parser.VectorSelector) -> tuple[Matcher, ...]:
    return tuple(Matcher(each.name, _operator(each.op), each.value) for each in node.matchers.matchers)


def _operator(operator: parser.MatchOp) -> str:
    return next(text for known, text in _OPERATORS if known == operator)


def _grouped(node: parser.Expr) -> Iterator[str]:
    match node:
        case parser.AggregateExpr() if node.modifier is not None:
            yield from node.modifier.labels
        case parser.BinaryExpr() if node.modifier is not None:
            yield from node.modifier.matching.labels if node.modifier.matching is not None else ()
            yield from node.modifier.group_labels or ()
