"""Ports for brokers that must come back on the port they had."""

import random
import socket
from pathlib import Path

_LOWEST = 20_000
_TRIES = 200


def free_ports(count: int) -> list[int]:
    """Give `count` different ports of 127.0.0.1 that nobody listens on at this moment.

    They lie below the range that the kernel gives to outgoing connections where there is room: a client that
    keeps knocking at a stopped broker's port in that range may connect to itself and so hold the port for ever.
    Nothing reserves them, so who listens must be ready to find one taken.
    """
    below = _ephemeral_low()
    candidates = random.sample(range(_LOWEST, below), _TRIES) if below - _LOWEST > _TRIES else []
    ports: list[int] = []
    for port in (*candidates, *(0 for _ in range(_TRIES))):
        bound = _bind(port)
        if bound is not None and bound not in ports:
            ports.append(bound)
        if len(ports) == count:
            return ports
    message = f"No {count} free ports on 127.0.0.1."
    raise OSError(message)


def _bind(port: int) -> int | None:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        bound: int = probe.getsockname()[1]
        return bound


def _ephemeral_low() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        return 0
