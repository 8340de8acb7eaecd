"""From settings to what the console page says of them."""

import socket

from relay import __version__
from relay.console.console import About
from relay.events import SCHEMA_VERSION
from relay.privacy import Numbers, Privacy, of_number
from relay.settings import KafkaSettings, Settings
from relay.settings.environment import effective

_MASK = Privacy(numbers=Numbers.MASK)


def about(settings: Settings) -> About:
    """Give what does not change while this process runs; secrets are stars in it."""
    unset = effective(Settings(kafka=KafkaSettings(bootstrap_servers=settings.kafka.bootstrap_servers)))
    return About(
        pod=socket.gethostname(),
        version=__version__,
        schema=SCHEMA_VERSION,
        kafka=", ".join(settings.kafka.bootstrap_servers),
        settings={name: (value, value == unset[name]) for name, value in effective(settings).items()},
    )


def masked(number: str) -> str:
    """Give a phone number as the page shows it, whatever the privacy modes: a page is read over shoulders."""
    return of_number(number, _MASK)
