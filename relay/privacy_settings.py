"""From settings to the privacy modes; the composition root and the commands share it. Pure."""

from relay.privacy import Numbers, Privacy
from relay.settings import Settings


def privacy(settings: Settings) -> Privacy:
    """Give the modes that the settings ask for."""
    key = settings.privacy.key
    return Privacy(
        keep_body=settings.privacy.body == "keep",
        numbers=Numbers(settings.privacy.numbers),
        key=b"" if key is None else key.get_secret_value().encode(),
        keep_dead_letter_payload=settings.privacy.dead_letter_payload == "keep",
    )
