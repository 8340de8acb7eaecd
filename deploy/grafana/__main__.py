"""Writes the dashboard's JSON to each place that holds a copy of it: `python -m deploy.grafana`."""

from deploy.grafana.dashboard import COPIES, canonical, dashboard


def main() -> None:
    """Write every copy, and name it."""
    text = canonical(dashboard())
    for path in COPIES:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
