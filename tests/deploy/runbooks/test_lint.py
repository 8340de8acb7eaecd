"""Each rule for runbooks catches a mistake."""

import pytest

from tests.deploy.runbooks import lint
from tests.deploy.runbooks.page import Page

pytestmark = pytest.mark.ops

QUERY = "```promql\n{}\n```\n"
SHELL = "```sh\n{}\n```\n"
EXAMPLE = """# SofyRelayDown

## What it means

- **Sofy** gets nothing and replays, up to ten times.
- **Consumers** get nothing.
- **Urgency**: now.

## Look at

```promql
up{job="sofy-relay"}
```

```sh
kubectl --namespace sofy-relay get pods
```

On the dashboard: *Kafka: what goes out*.

## Do

1. Find out which of the pods run, and bring them back.

## Do not

- Do not let anybody else answer in the place of the relay.
"""


def query(expr: str) -> Page:
    """Give a page with one query."""
    return Page("SofyRelayDown", QUERY.format(expr))


def shell(line: str) -> Page:
    """Give a page with one command."""
    return Page("SofyRelayDown", SHELL.format(line))


def prose(text: str) -> Page:
    """Give a page with one paragraph."""
    return Page("SofyRelayDown", text)


def changed(old: str, new: str) -> Page:
    """Give the example with something else in one place."""
    assert old in EXAMPLE
    return Page("SofyRelayDown", EXAMPLE.replace(old, new))


METRIC = "sofy_relay_webhooks_total"
MISTAKES: list[tuple[lint.Lint, Page, str]] = [
    (lint.headings, changed("# SofyRelayDown", "# The relay is down"), "its title is not"),
    (lint.headings, changed("## Do not", "## Avoid"), "its headings are"),
    (lint.headings, prose(EXAMPLE + "## More\n\nOf it.\n"), "More is empty"),
    (lint.order, changed("1. Find", "- Find"), "step 1"),
    (lint.order, changed("- Do not let", "- Let"), "what not to do"),
    (lint.order, changed("```promql", "```text"), "no promql"),
    (lint.order, changed("On the dashboard: *", "See *"), "no panel"),
    (lint.urgency, changed("- **Urgency**", "- **Time**"), "nothing of Urgency"),
    (lint.queries, query('rate(sofy_relay_hooks_total{job="sofy-relay"}[5m])'), "nobody gives"),
    (lint.queries, query(f"rate({METRIC}[5m])"), "any job"),
    (lint.queries, query(f'{METRIC}{{job="sofy-relay", outcome="lost"}}'), "nobody gives lost"),
    (lint.queries, query(f'{METRIC}{{job="sofy-relay", status="sent"}}'), "nobody gives status"),
    (lint.queries, query(f'sum by (status) ({METRIC}{{job="sofy-relay"}})'), "nobody gives status"),
    (lint.queries, query("namespace_job:sofy_relay_webhooks_lost:ratio_rate5m"), "nobody gives"),
    (lint.relay_commands, shell("relay topics list"), "no command"),
    (lint.relay_commands, shell("kubectl --namespace sofy-relay exec deploy/sofy-relay -- relay verify"), "no command"),
    (
        lint.relay_commands,
        shell("kubectl --namespace sofy-relay exec deploy/sofy-relay -- relay check --online"),
        "has no --online",
    ),
    (lint.shell, shell("kubectl get pods"), "in which namespace?"),
    (lint.shell, shell("kubectl --namespace sofy-relay delete pod POD"), "loses something"),
    (lint.shell, shell("kubectl --namespace sofy-relay rollout restart deploy/sofy-relay"), "loses something"),
    (lint.words, prose("It says `no_quorum`."), "no_quorum is no word"),
    (lint.words, prose("| reason | do |\n|---|---|\n| `tired` | sleep |\n"), "tired is no reason"),
    (lint.words, prose("| cause | do |\n|---|---|\n| `overloaded` | wait |\n"), "overloaded is no cause"),
    (lint.log_lines, prose('The log says "all is lost".'), "never writes 'all is lost'"),
    (
        lint.log_lines,
        shell('kubectl --namespace sofy-relay logs deploy/sofy-relay | grep "not quite ready"'),
        "never writes",
    ),
    (lint.tailed, shell('relay tail status --json | grep \'"state":"unknown"\''), "no event holds"),
    (lint.alerts_linked, prose("Then SofyRelayBroken fires."), "has no runbook"),
    (lint.alerts_linked, prose("Then SofyRelayDiscardRisk fires."), "without a link"),
    (lint.dashboard, prose("On the dashboard: *Nowhere*."), "the dashboard has no"),
    (lint.available, prose("Run `relay repair`."), "does not exist"),
]


@pytest.mark.parametrize(("rule", "mistaken", "says"), MISTAKES, ids=lambda it: getattr(it, "__name__", None))
def test_it_catches(rule: lint.Lint, mistaken: Page, says: str) -> None:
    assert any(says in sentence for sentence in rule(mistaken))


def test_every_rule_is_seen_to_catch_something() -> None:
    assert {rule for rule, _, _ in MISTAKES} == set(lint.LINTS)
