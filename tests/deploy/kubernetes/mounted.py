"""Files in place of those that a pod would have mounted, so that its settings can be loaded and its command run."""

from collections.abc import Mapping
from pathlib import Path

import trustme

TOKEN = "0123456789abcdef0123456789abcdef"


def stand_ins(variables: Mapping[str, str], folder: Path, **contents: str) -> dict[str, str]:
    """Give the variables with each path replaced by one in `folder`, where the file holds what such a file holds.

    `contents`, by the file's name with `_` for what no word has, says otherwise; `ca_crt` is some authority's.
    """
    held = {
        "tokens": f'["{TOKEN}"]',
        "secrets": "[]",
        "password": "planted",
        "token": "sofy_live_planted",
        "ca_crt": trustme.CA().cert_pem.bytes().decode(),
        **contents,
    }
    changed = {}
    for name, value in variables.items():
        if value.startswith("/"):
            file = folder / Path(value).name
            file.write_text(held[file.name.replace(".", "_")])
            changed[name] = str(file)
    return {**variables, **changed}
