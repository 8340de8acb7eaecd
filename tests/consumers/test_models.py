"""The models that the relay ships for consumers cost them pydantic, and nothing else of the relay's dependencies."""

import subprocess
import sys

PYDANTIC = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
"""pydantic and what it needs itself."""


def test_importing_the_models_loads_pydantic_only() -> None:
    program = (
        "import sys; before = set(sys.modules); from relay.events import SmsStatusEvent;"
        "SmsStatusEvent.model_json_schema();"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )

    loaded = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())  # noqa: S603 - ours

    # The standard library holds one module that is named for the machine it was built on.
    foreign = {name for name in loaded - sys.stdlib_module_names if not name.startswith("_sysconfigdata")}
    assert foreign == {"relay", *PYDANTIC}
