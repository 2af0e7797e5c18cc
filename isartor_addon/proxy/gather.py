"""Reads the sockets of many streams together, every few milliseconds, instead of each one when something comes.

Being woken costs the system more than reading does, and models speak in small pieces. So where many streams are under
way, this process sleeps a little and then reads all that have something; a few are read at once. Of eight, all are
read, then all is worked on, then all is sent: the processor finds the same code still at hand for the next stream.
"""

from __future__ import annotations

import asyncio
import os
import selectors
from typing import Protocol

from isartor_addon.proxy.internals_streams import MOST, RECEIVED

EVERY_S = 0.003
CROWD = 75
"""With so many streams or more, waking costs little beside reading:"""
CROWD_EVERY_S = 0.002
"""then they are read so often."""
MANY = 16
"""With so many streams they are read together,"""
FEW = 8
"""until there are so few."""
BATCH = 8
"""So many at a time: what is sent last has waited for the others."""
SHARE = MOST // BATCH
"""Bytes that are read of one at a time."""
READS = 16
"""How often one socket is read in its turn, as long as it fills its share."""
_view = memoryview(RECEIVED)


class Member(Protocol):
    """A stream; the protocol of `transport`, and what takes what is read."""

    transport: asyncio.Transport

    def take(self, at: int, size: int) -> bytes:
        """Make of what lies there in `RECEIVED` what is to be sent; never raises."""

    def send(self, data: bytes) -> None:
        """Send it; never raises."""


class Gather:
    """Says when members are read. One that is read together has a transport that is paused."""

    def __init__(self) -> None:
        self._members: set[Member] = set()
        self._held: set[Member] = set()
        self._files: dict[Member, int] = {}
        """Those that are read together, and their file descriptors."""
        self._selector: selectors.BaseSelector | None = None
        """Is there while members are read together."""

    def begin(self, member: Member) -> None:
        """Read it from now on."""
        self._members.add(member)
        if self._selector is not None:
            self._join(member)
        elif len(self._members) >= MANY and hasattr(os, "readv"):
            self._selector = selectors.DefaultSelector()
            for each in self._members - self._held:
                self._join(each)
            loop = asyncio.get_running_loop()
            loop.call_at(loop.time() + EVERY_S, self._read)

    def hold(self, member: Member) -> None:
        """Do not read it for now."""
        self._held.add(member)
        if member in self._files:
            self._part(member)
        else:
            member.transport.pause_reading()

    def go_on(self, member: Member) -> None:
        """Read it again."""
        self._held.discard(member)
        if self._selector is not None and member in self._members:
            self._join(member)
        else:
            member.transport.resume_reading()

    def end(self, member: Member) -> None:
        """Leave its transport to others."""
        self._members.discard(member)
        self._held.discard(member)
        if member in self._files:
            self._part(member)
            member.transport.resume_reading()

    def _join(self, member: Member) -> None:
        assert self._selector is not None
        member.transport.pause_reading()
        self._files[member] = member.transport.get_extra_info("socket").fileno()
        self._selector.register(self._files[member], selectors.EVENT_READ, member)

    def _part(self, member: Member) -> None:
        assert self._selector is not None
        self._selector.unregister(self._files.pop(member))

    def _read(self) -> None:
        assert self._selector is not None
        began = asyncio.get_running_loop().time()
        try:
            members = [key.data for key, _ in self._selector.select(0)]
            for _ in range(READS):
                if members:
                    members = self._read_all(members)
        finally:
            self._rest(began + (EVERY_S if len(self._members) < CROWD else CROWD_EVERY_S))

    def _rest(self, until: float) -> None:
        """If there are still many, read them again at `until`: the loop's time, seconds."""
        assert self._selector is not None
        if len(self._members) > FEW:
            asyncio.get_running_loop().call_at(until, self._read)
            return
        for member in tuple(self._files):
            self._part(member)
            member.transport.resume_reading()
        self._selector.close()
        self._selector = None

    def _read_all(self, members: list[Member]) -> list[Member]:
        """Read a piece of each; those that may have more."""
        return [more for at in range(0, len(members), BATCH) for more in self._read_batch(members[at : at + BATCH])]

    def _read_batch(self, members: list[Member]) -> list[Member]:
        came, at = [], 0
        for member in members:
            if size := self._receive(member, at):
                came.append((member, at, size))
                at += size
        # Whatever has been read is taken, also if its stream is left by now: nobody else will have it.
        for member, data in [(member, member.take(at, size)) for member, at, size in came]:
            member.send(data)
        return [member for member, _, size in came if size == SHARE]

    def _receive(self, member: Member, at: int) -> int:
        """Read into `RECEIVED` at `at`; the number of bytes, 0 where there is nothing or somebody else is to see it."""
        if member not in self._files:
            return 0
        try:
            size = os.readv(self._files[member], [_view[at : at + SHARE]])
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            size = 0
        if not size:  # the end: asyncio will see it for itself
            self._part(member)
            member.transport.resume_reading()
        return size
