"""Read by Python before anything else where this folder is on its path: writes down every address that is reached for.

One line a look-up or a connection into the file that `AUDIT` names: the event, the host, the port. What is not on this
machine is refused besides, so that a test that fails has sent nothing.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any

_REACHES = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
_LOOKS_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")


def _here(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(os.fsdecode(host)).is_loopback  # type: ignore[arg-type]
    except ValueError:
        return False


def _watch(event: str, given: tuple[Any, ...]) -> None:
    if event in _REACHES:
        address = given[_REACHES[event]]
        if not isinstance(address, tuple):  # a Unix socket, or one that is connected
            return
    elif event in _LOOKS_UP:
        address = given[0] if isinstance(given[0], tuple) else (given[0], given[1] if len(given) > 1 else 0)
    else:
        return
    with open(os.environ["AUDIT"], "a") as log:
        log.write(f"{event} {address[0]} {address[1]}\n")
    if not _here(address[0]):
        raise PermissionError(f"the test refuses {address[0]}")


if "AUDIT" in os.environ:
    sys.addaudithook(_watch)
