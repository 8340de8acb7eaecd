"""What a careful colleague would say about the webhooks registered at Sofy. Pure; for `relay webhooks`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from relay.cli.webhooks.urls import Receiver, receiver, shown, without_secrets
from relay.http.paths import WebhookPaths
from relay.reasons import Reason
from relay.sofy.api.addresses import canonical
from relay.sofy.api.keys import ApiVersion
from relay.sofy.api.webhooks import STATUS_EVENT, Registration
from relay.sofy.authenticity import SIGNATURE_HEADER, TIMESTAMP_HEADER, Authenticator, Claim, Credentials


class Kind(StrEnum):
    """What is wrong with one registration or several."""

    MISSING = "missing"
    MISSING_EVENT = "missing_event"
    DUPLICATE = "duplicate"
    NOT_BELIEVED = "not_believed"
    UNEXPECTED_ID = "unexpected_id"
    UNENCRYPTED = "unencrypted"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    webhooks: tuple[str, ...]
    """Ids of the registrations that it is about."""
    says: str
    """A sentence, never a secret: what it means and what to do."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the relay of these settings takes."""

    paths: WebhookPaths
    authenticator: Authenticator
    credentials: dict[str, Credentials]
    url: str | None = None
    """A URL that must be registered; it may lack the token."""

    @property
    def known(self) -> bool:
        """Whether the settings say who is believed; without them nothing can be said of tokens."""
        return any(it.tokens or it.secrets for it in self.credentials.values())


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registration and where it leads. Seen through both APIs it is one, with the first that showed it."""

    registration: Registration
    versions: tuple[ApiVersion, ...]
    receiver: Receiver | None

    @property
    def id(self) -> str:
        """Sofy's id."""
        return self.registration.id

    def wants(self, event: str) -> bool:
        """Say whether the event goes to it; yes where Sofy does not say."""
        return self.registration.events is None or event in self.registration.events


def webhooks(registrations: Sequence[Registration], paths: WebhookPaths) -> list[Webhook]:
    """Give each registration once, in the order given."""
    versions: dict[tuple[str, str], list[ApiVersion]] = {}
    first: dict[tuple[str, str], Registration] = {}
    for each in registrations:
        identity = (each.id, each.url)
        first.setdefault(identity, each)
        versions.setdefault(identity, []).append(each.version)
    return [Webhook(each, tuple(versions[it]), receiver(each.url, paths)) for it, each in first.items()]


def findings(found: Sequence[Webhook], expected: Expected, *, complete: bool = True) -> list[Finding]:
    """Give all that is wrong; `complete` says whether every list was obtained, else nothing can be missing."""
    wanted = [each for each in found if _is(expected.url, each)]
    all_found: list[Finding] = []
    if expected.url is not None and not wanted and complete:
        says = (
            f"No webhook is registered for {shown(expected.url)}: no status reaches it; use `relay webhooks register`."
        )
        all_found.append(Finding(Kind.MISSING, (), says))
    for group in _groups(found):
        all_found += _duplicates(group)
        if group[0] in wanted or _is_relays(group[0]):
            all_found += _missing_event(group)
    for each in found:
        all_found += _judged(each, expected)
    return all_found


def same_receiver(url: str, found: Sequence[Webhook], paths: WebhookPaths) -> list[Webhook]:
    """Give those that post to the relay that `url` names, whatever their token or account."""
    there = receiver(url, paths)
    if there is None or there.place is None:
        return []
    return [
        each for each in found if _is_relays(each) and each.receiver is not None and each.receiver.site == there.site
    ]


def refusal(version: ApiVersion, there: Receiver, expected: Expected) -> str | None:
    """Say why the relay would refuse webhooks of a registration; None: it would not, or that cannot be known."""
    if there.place is None or not expected.known:
        return None
    signed = version is ApiVersion.V2
    headers = there.headers + (_SIGNED if signed else ())
    account = expected.authenticator.screen(Claim(there.place.account, there.place.token, headers))
    if isinstance(account, Reason):
        return _REFUSALS.get(account, "the relay does not believe its webhooks")
    has = expected.credentials.get(account, Credentials())
    if signed and has.tokens and not has.secrets:
        return f"its webhooks are signed, and account {account} has no secret: set RELAY_SOFY__SECRETS"
    return None


_SIGNED: Final = ((SIGNATURE_HEADER.encode(), b""), (TIMESTAMP_HEADER.encode(), b""))
_REFUSALS: Final = {
    Reason.UNKNOWN_TOKEN: "its token is none of RELAY_SOFY__TOKENS and RELAY_SOFY__ACCOUNTS",
    Reason.UNKNOWN_ACCOUNT: "its path names an account that RELAY_SOFY__ACCOUNTS does not have",
    Reason.MISSING_CREDENTIALS: "its URL holds no token, and v1 signs nothing",
    Reason.MISSING_SIGNATURE: "its account takes signed webhooks only, and v1 signs nothing: see "
    "RELAY_SOFY__REQUIRE_SIGNATURE",
}


def _is_relays(each: Webhook) -> bool:
    return each.receiver is not None and each.receiver.place is not None


def _is(url: str | None, each: Webhook) -> bool:
    if url is None:
        return False
    registered = each.registration.url
    return canonical(url) in {canonical(registered), without_secrets(registered)}


def _groups(found: Sequence[Webhook]) -> list[list[Webhook]]:
    """Put together what arrives at one receiver: one relay, whatever the token; elsewhere one URL."""
    groups: dict[object, list[Webhook]] = {}
    for each in found:
        there = each.receiver
        key = there.site if there is not None and there.place is not None else canonical(each.registration.url)
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _duplicates(group: Sequence[Webhook]) -> Iterator[Finding]:
    if len(group) == 1:
        return
    events = Counter(event for each in group for event in set(each.registration.events or (STATUS_EVENT,)))
    twice = sorted(event for event, count in events.items() if count > 1)
    if not twice:
        return
    ids = tuple(each.id for each in group if any(each.wants(event) for event in twice))
    same_url = len({canonical(each.registration.url) for each in group}) == 1
    what = "the same URL" if same_url else "the same relay"
    says = f"{_listed(ids)} post to {what}, so each {_listed(twice)} arrives {_times(len(ids))}; delete all but one"
    if not same_url:
        says += ", unless you are just rotating or migrating"
    yield Finding(Kind.DUPLICATE, ids, f"{says}.")


def _missing_event(group: Sequence[Webhook]) -> Iterator[Finding]:
    if any(each.wants(STATUS_EVENT) for each in group):
        return
    ids = tuple(each.id for each in group)
    stands = "is" if len(ids) == 1 else "are"
    says = f"{_listed(ids)} {stands} not registered for {STATUS_EVENT}: no status arrives; delete and register anew."
    yield Finding(Kind.MISSING_EVENT, ids, says)


def _judged(each: Webhook, expected: Expected) -> Iterator[Finding]:
    there = each.receiver
    if there is None:
        return
    if not there.encrypted:
        says = (
            f"{each.id} posts over http://: texts, numbers and token can be read on the way; register an https:// URL."
        )
        yield Finding(Kind.UNENCRYPTED, (each.id,), says)
    if there.place is None:
        return
    refusals = [refusal(version, there, expected) for version in each.versions]
    if all(refusals):
        says = f"The relay refuses what {each.id} posts (401): {refusals[0]}."
        yield Finding(Kind.NOT_BELIEVED, (each.id,), says)
        return
    account = _account(there, expected)
    ids = expected.credentials[account].webhook_ids if account in expected.credentials else frozenset[str]()
    if ids and each.id not in ids:
        says = (
            f"The relay refuses what {each.id} posts (401): account {account} expects other ids; "
            "add it to RELAY_SOFY__WEBHOOK_IDS, or delete it."
        )
        yield Finding(Kind.UNEXPECTED_ID, (each.id,), says)


def _account(there: Receiver, expected: Expected) -> str | None:
    """Give the account whose webhooks these are, by token or path."""
    if there.place is None:
        return None
    claim = Claim(there.place.account, there.place.token, there.headers)
    for headers in (claim.headers, (*claim.headers, *_SIGNED)):
        account = expected.authenticator.screen(Claim(claim.account, claim.token, headers))
        if not isinstance(account, Reason):
            return account
    return None


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"  # noqa: PLR2004 - English has a word for it
