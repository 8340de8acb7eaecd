"""A port that cannot be had is known before anything starts, in one sentence."""

import socket
from contextlib import closing

import pytest

from relay.http.servers import ListenError, listen


def test_a_port_in_use_names_host_port_and_setting() -> None:
    with closing(listen("127.0.0.1", 0, setting="RELAY_HTTP")) as first:
        port = first.getsockname()[1]

        with pytest.raises(ListenError) as refusal:
            listen("127.0.0.1", port, setting="RELAY_HTTP")

    assert str(refusal.value) == (
        f"127.0.0.1:{port} is already in use: stop the process that listens there, or set RELAY_HTTP__PORT."
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_ours_names_the_setting(host: str) -> None:
    with pytest.raises(ListenError, match=rf"^Cannot listen on {host}:8081 \(.+\): set RELAY_ADMIN__HOST or "):
        listen(host, 8081, setting="RELAY_ADMIN")


def test_a_socket_listens_from_the_start() -> None:
    with (
        closing(listen("127.0.0.1", 0, setting="RELAY_HTTP")) as listener,
        closing(socket.create_connection(listener.getsockname())) as client,
    ):
        assert client.getpeername() == listener.getsockname()


def test_a_port_freed_a_moment_ago_can_be_had_again() -> None:
    listener = listen("127.0.0.1", 0, setting="RELAY_HTTP")
    address = listener.getsockname()
    with closing(socket.create_connection(address)):
        accepted, _ = listener.accept()
        accepted.close()
        listener.close()

        listen(*address, setting="RELAY_HTTP").close()
