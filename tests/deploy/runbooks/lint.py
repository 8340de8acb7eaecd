"""What a good runbook keeps to, as functions from a page to sentences about what it does not.

What every document keeps to (settings, links, commands that begin a line) is compared with the code by
`tests.test_documents`.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from relay.cli.webhooks.registrations import Kind as Finding
from relay.events.schemas import example_event
from relay.events.sms_status import SmsStatusEvent, Status
from relay.observability.metrics import catalogue, projector_catalogue
from relay.publishing.replacement import Cause
from relay.reasons import Reason
from tests.deploy.exposed import known_series
from tests.deploy.grafana.queries import panels
from tests.deploy.prometheus.asked import RECORDED, unknown_names
from tests.deploy.promql import Matcher, selectors
from tests.deploy.runbooks.page import INDEX, Page, path_of
from tests.deploy.tools import DEPLOY
from tests.test_documents import ROOT, commands, fields

Lint = Callable[[Page], Iterator[str]]
"""Takes a page; gives a sentence for each mistake."""
HEADINGS: Final = ["What it means", "Look at", "Do", "Do not"]
_JOBS: Final = {Matcher("job", "=", job) for job in ("sofy-relay", "sofy-relay-projector")}
_KUBE_STATE: Final = Matcher("job", "=", "kube-state-metrics")
_NAMESPACES: Final = ("--namespace sofy-relay ", "--namespace kafka ", "--all-namespaces ")
_CLUSTER_WIDE: Final = ("kubectl top nodes",)


def headings(page: Page) -> Iterator[str]:
    """It is called like the alert, and has the four headings in order, none of them empty."""
    if not page.text.startswith(f"# {page.name}\n"):
        yield f"its title is not {page.name}"
    found = page.sections()
    if list(found) != HEADINGS:
        yield f"its headings are {', '.join(found)}"
    for heading, text in found.items():
        if len(text.split()) < 10:
            yield f"{heading} is empty"


def order(page: Page) -> Iterator[str]:
    """`Do` is numbered steps, `Do not` a list of warnings, and `Look at` has queries, commands and a place to look."""
    found = page.sections()
    if not re.match(r"\s*1\. ", found.get("Do", "")):
        yield "Do does not begin with step 1"
    if not re.match(r"\s*- Do not ", found.get("Do not", "")):
        yield "Do not does not begin with what not to do"
    look = Page(page.name, found.get("Look at", ""))
    yield from (f"Look at has no {language}" for language in ("promql", "sh") if not look.blocks(language))
    if "On the dashboard: *" not in look.text:
        yield "Look at names no panel of the dashboard"


def urgency(page: Page) -> Iterator[str]:
    """Whoever is woken learns at once what Sofy and the consumers notice, and how urgent it is."""
    means = page.sections().get("What it means", "")
    for word in ("**Sofy**", "**Consumers**", "**Urgency**"):
        if f"\n- {word}" not in means:
            yield f"What it means says nothing of {word.strip('*')}"


def queries(page: Page) -> Iterator[str]:
    """Every query asks for what exists, and of the right job."""
    for query in page.blocks("promql"):
        yield from (f"nobody gives {name}" for name in unknown_names(query))
        for selector in selectors(query):
            jobs = {_KUBE_STATE} if selector.metric.startswith("kube_") else _JOBS
            if selector.metric not in RECORDED and jobs.isdisjoint(selector.matchers):
                yield f"{selector.metric} of any job"


def relay_commands(page: Page) -> Iterator[str]:
    """Every command of the relay exists, with its options; what is called in a pod too."""
    for line in page.commands():
        found = re.search(r"(?:^|-- )(relay [^|>]+)", line)
        if found is None:
            continue
        words = shlex.split(found[1])
        named = next((" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in commands()), "")
        is_group = any(other.startswith(f"{named} ") for other in commands())
        if not named or (is_group and len(words) > len(named.split())):
            yield f"no command {found[1]}"
            continue
        yield from (f"{named} has no {word}" for word in words if word[0] == "-" and word not in commands()[named])


def shell(page: Page) -> Iterator[str]:
    """Every kubectl command says its namespace; none of those that lose something is among them."""
    for line in page.commands():
        if not line.startswith("kubectl ") or line in _CLUSTER_WIDE:
            continue
        if not any(namespace in f"{line} " for namespace in _NAMESPACES):
            yield f"in which namespace? {line}"
        if re.search(r"\b(delete|restart|scale|edit)\b", line.partition(" -- ")[0]):
            yield f"a command that loses something: {line}"


def words(page: Page) -> Iterator[str]:
    """Every word in code font that looks like one of the relay's is one: reasons, causes, metrics, labels, fields."""
    for word in page.code():
        if re.fullmatch(r"[a-z]+(_[a-z]+)+", word) and word not in _vocabulary():
            yield f"{word} is no word of the relay's"
    for head, wanted in (("reason", set(Reason)), ("cause", set(Cause))):
        yield from (f"{word} is no {head}" for word in page.first_column(head) - wanted)


def log_lines(page: Page) -> Iterator[str]:
    """What it quotes is the beginning of a line that the relay writes, and so is what it looks for in the log."""
    quoted = [" ".join(text.split()) for text in re.findall(r'"([^"]+)"', page.plain)]
    searched = (line for line in page.commands() if " logs " in line and "| grep " in line)
    for text in (*quoted, *(shlex.split(line)[-1].strip('"') for line in searched)):
        if text not in set(Reason) and f'"{text}' not in _sources():
            yield f"the relay never writes {text!r}"


def tailed(page: Page) -> Iterator[str]:
    """What it looks for in events stands in an event that is as it says."""
    event = example_event(Status.UNKNOWN).model_dump_json()
    for line in page.commands():
        if "relay tail" in line and "| grep " in line and shlex.split(line)[-1] not in event:
            yield f"no event holds what is looked for: {line}"


def alerts_linked(page: Page) -> Iterator[str]:
    """Every alert that it names has a page, and its name is a link where it can be followed from here."""
    for name in set(re.findall(r"\bSofyRelay[A-Za-z]+", page.text)):
        if not path_of(name).exists():
            yield f"{name} has no runbook"
        elif page.name not in {name, INDEX} and f"[{name}]({name}.md" not in page.text:
            yield f"{name} without a link"


def dashboard(page: Page) -> Iterator[str]:
    """What is in italics is the title of a row or a panel."""
    for title in re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", page.plain):
        if title not in _titles() | ({"italics"} if page.name == INDEX else set()):
            yield f"the dashboard has no {title!r}"


def available(page: Page) -> Iterator[str]:
    """It sends nobody to a command that this version does not have."""
    for name in re.findall(r"`(relay [a-z-]+(?: [a-z-]+)?)", page.text):
        if not {name, name.rpartition(" ")[0]} & (commands().keys() - {"relay"}):
            yield f"{name} does not exist"


LINTS: Final[tuple[Lint, ...]] = (
    *(headings, order, urgency, queries, relay_commands, shell, words, log_lines, tailed),
    *(alerts_linked, dashboard, available),
)
"""All; the index keeps to those that are not about a runbook's shape."""
OF_A_RUNBOOK: Final = frozenset({headings, order, urgency})


@cache
def _sources() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "relay").glob("**/*.py")))


@cache
def _titles() -> frozenset[str]:
    committed = json.loads((DEPLOY / "grafana" / "dashboards" / "sofy-relay.json").read_text(encoding="utf-8"))
    return frozenset(panel["title"] for panel in panels(committed))


@cache
def _vocabulary() -> frozenset[str]:
    metrics = [*catalogue(), *projector_catalogue()]
    known = [*Reason, *Cause, *Status, *(metric.name for metric in metrics)]
    known += [label for metric in metrics for label in metric.labels]
    known += [value for each in known_series().values() for values in each.labels.values() for value in values]
    known += [part for name, _ in fields(SmsStatusEvent) for part in (name, name.rpartition(".")[2])]
    return frozenset((*known, *Finding))
