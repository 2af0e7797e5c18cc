"""Stands for a worker: `python -m tests.workers.stub WAY --worker NUMBER:COUNT:CHANNEL:TALLY:ENDS`."""

from __future__ import annotations

import signal
import socket
import sys
from dataclasses import asdict

from isartor_addon.store.running import Running
from isartor_addon.workers.channel import Channel


def main(way: str, spec: str) -> int:
    number, _, channel_fd, _, _ = map(int, spec.split(":"))
    channel = Channel(socket.socket(fileno=channel_fd))
    if way == "fails":
        return 3
    _, sockets = next(iter(channel.receive()))
    opens = not sockets
    if opens:
        sockets = [socket.create_server(("127.0.0.1", 0))]
    if way == "fails later" and number == 2:
        return 4
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    message = {"up": asdict(Running(0, 0.0, "1", (), sockets[0].getsockname()[1]))}
    if way == "alone":
        channel.send(message | {"alone": "the names have moved"})
    else:
        channel.send(message | {"modes": ["regular"]} if opens else message, sockets if opens else ())
    if way == "dies":
        return 7
    signal.sigwait([signal.SIGTERM])
    if way == "hangs":
        signal.sigwait([signal.SIGTERM])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[3]))
