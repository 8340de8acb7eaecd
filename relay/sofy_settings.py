"""From settings to what Sofy's side is made from: who is believed, and with which keys its API is asked. Pure."""

from collections.abc import Iterator

from yarl import URL

from relay.settings import Settings, SofySettings
from relay.sofy.api.addresses import is_loopback
from relay.sofy.api.keys import ApiKey, bearer, can_be_sent, key_pair
from relay.sofy.authenticity import Authenticator, Credentials

API_URL, API_TOKEN = "RELAY_SOFY__API_URL", "RELAY_SOFY__API_TOKEN"
KEY_ID, KEY_SECRET = "RELAY_SOFY__API_KEY_ID", "RELAY_SOFY__API_KEY_SECRET"


def credentials(settings: Settings) -> dict[str, Credentials]:
    """Give what each account's webhooks prove themselves with, by the account's name."""
    return {
        account.name: Credentials(
            tokens=tuple(token.get_secret_value().encode() for token in account.tokens),
            secrets=tuple(secret.get_secret_value().encode() for secret in account.secrets),
            webhook_ids=frozenset(account.webhook_ids),
        )
        for account in settings.sofy.every_account()
    }


def authenticator(settings: Settings) -> Authenticator:
    """Give the judge of all webhooks."""
    return Authenticator(
        credentials(settings),
        allow_unauthenticated=settings.sofy.allow_unauthenticated,
        require_signature=settings.sofy.require_signature,
        max_age_s=settings.sofy.signature_max_age_s,
    )


def api_keys(settings: Settings) -> tuple[ApiKey, ...]:
    """Give the keys that are set, v1's first; only where `unusable_api` finds nothing."""
    sofy = settings.sofy
    keys = []
    if sofy.api_key_id is not None and sofy.api_key_secret is not None:
        pair = (sofy.api_key_id.get_secret_value(), sofy.api_key_secret.get_secret_value())
        keys.append(key_pair(*pair, named=f"{KEY_ID} and {KEY_SECRET}"))
    if sofy.api_token is not None:
        keys.append(bearer(sofy.api_token.get_secret_value(), named=API_TOKEN))
    return tuple(keys)


def unusable_api(settings: Settings) -> Iterator[str]:
    """Say, a sentence each, why Sofy's API cannot be asked with these settings.

    Not among the rules that `load` applies: who only serves needs no key.
    """
    sofy = settings.sofy
    if sofy.api_key_id is None and sofy.api_key_secret is None and sofy.api_token is None:
        yield (
            f"No key of Sofy's API is set; set {API_TOKEN} (v2), or {KEY_ID} and {KEY_SECRET} (v1). "
            "Each may be read from a file: add _FILE to its name."
        )
    if (sofy.api_key_id is None) != (sofy.api_key_secret is None):
        there, absent = (KEY_SECRET, KEY_ID) if sofy.api_key_id is None else (KEY_ID, KEY_SECRET)
        yield f"{there} is set without {absent}; set both or none."
    for name, secret in ((KEY_ID, sofy.api_key_id), (KEY_SECRET, sofy.api_key_secret), (API_TOKEN, sofy.api_token)):
        if secret is not None and not can_be_sent(secret.get_secret_value()):
            yield f"{name} holds a blank, a line break or a letter that no header can carry; correct it."
    yield from _unusable_address(sofy)


def _unusable_address(sofy: SofySettings) -> Iterator[str]:
    try:
        url = URL(sofy.api_url)
    except ValueError:
        yield f"{API_URL} is no usable address; give one such as https://api.sofy.fr."
        return
    if url.scheme == "http" and not is_loopback(url.host):
        yield f"{API_URL} is not encrypted, so that the key could be read on the way; give an https:// address."
