"""Run a program where nothing can be reached but one Unix socket: `confine.py PORT SOCKET COMMAND...`.

Meant to be started in a network namespace of its own. Connections to 127.0.0.1:PORT go to SOCKET, which lies in the
file system and so leads out of the namespace.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial

SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def raise_loopback() -> None:
    """Switch the namespace's loopback on (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def serve(listener: socket.socket, reach: Callable[[], socket.socket]) -> None:
    """Join every connection to a new one of `reach`, until the listener is closed."""
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=join, args=(near, reach()), daemon=True).start()


def join(near: socket.socket, far: socket.socket) -> None:
    """Copy bytes both ways until neither side has more."""
    with near, far:
        back = threading.Thread(target=copy, args=(far, near), daemon=True)
        back.start()
        copy(near, far)
        back.join()


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy bytes one way until there are no more, and say so."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def to_unix(path: str) -> socket.socket:
    """Connect to a Unix socket."""
    far = socket.socket(socket.AF_UNIX)
    far.connect(path)
    return far


def main() -> int:
    port, target, *command = sys.argv[1:]
    raise_loopback()
    with socket.create_server(("127.0.0.1", int(port)), backlog=128) as listener:
        threading.Thread(target=serve, args=(listener, partial(to_unix, target)), daemon=True).start()
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
