"""`relay project` as a process of its own, steered as an operator would."""

from tests.end_to_end.relay_process import RelayProcess


class ProjectProcess(RelayProcess):
    """One member of the group, from `async with` to its end; see `RelayProcess`."""

    subcommand = "project"

    async def taken_in(self) -> float:
        """How many records it has taken in since its start, duplicates too."""
        return sum(
            float(line.rpartition(" ")[2])
            for line in (await self.metrics()).splitlines()
            if line.startswith(("sofy_relay_projector_events_total{", "sofy_relay_projector_duplicates_total "))
        )

    async def lag(self) -> float:
        """How many records of its partitions it knows of and has not taken in."""
        [line] = [
            line for line in (await self.metrics()).splitlines() if line.startswith("sofy_relay_projector_lag_records ")
        ]
        return float(line.rpartition(" ")[2])
