"""A broker that moves to another port and keeps its data, behind a bootstrap address that stays."""

from tests.kafka.broker import Ports, RealBroker
from tests.kafka.ports import free_ports


class MovingBroker(RealBroker):
    """One that comes back elsewhere."""

    @property
    def port(self) -> int:
        """Where its clients find it."""
        return self._ports.client

    def move(self) -> None:
        """Restart it with its data, so that its clients find it at another port only. Blocks.

        Raises:
            BrokerError: it did not start.
        """
        self.stop()
        (port,) = free_ports(1)
        self._ports = Ports(port, self._ports.controller)
        self.start()
