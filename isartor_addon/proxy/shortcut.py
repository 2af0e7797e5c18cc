"""Repeats for a fraction of their price: what comes after one takes a short way from the client's socket to the lane.

mitmproxy wakes a task for what has come, and leads it through some twenty generators and a lock, and the answer the
same way back. Nothing that an addon can see happens there while the lane answers. So after an answer this takes the
client's socket over (by the protocol of its transport), and a request is decrypted, read, answered, encrypted and
written in one call. What the lane does not answer goes to mitmproxy with the protocol it had, and so do the end of the
connection and any fault; mitmproxy's state has never been another than its own. The next repeat takes the socket again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from mitmproxy import ctx

from isartor_addon.pipeline import describe_fault
from isartor_addon.proxy import internals_clients
from isartor_addon.proxy.internals import HttpLayer
from isartor_addon.proxy.internals_clients import Access
from isartor_addon.proxy.internals_streams import RECEIVED
from isartor_addon.proxy.tasks import Tasks

logger = logging.getLogger(__name__)

_view = memoryview(RECEIVED)


class Answers(Protocol):
    """The lane under one HTTP layer."""

    def take(self, data: bytes) -> tuple[list[bytes], bool]:
        """Gather more bytes; the answers that are due, and whether the HTTP layer must have what is held."""

    def settle(self) -> None:
        """The answers are on their way: do what nobody waits for."""


class Shortcuts:
    """Opens the short way where there is one."""

    def __init__(self, tasks: Tasks, wanted: Callable[[], bool]) -> None:
        """
        Args:
            tasks: holds what runs in the background.
            wanted: whether connections may take it now.
        """
        self._tasks = tasks
        self._wanted = wanted
        self._works: bool | None = None

    def open_soon(self, below: HttpLayer, lane: Answers) -> None:
        """The lane has answered a request that was meant for `below`; mitmproxy has not written that yet."""
        if self._wanted():
            asyncio.get_running_loop().call_soon(self._open, below, lane)

    def _open(self, below: HttpLayer, lane: Answers) -> None:
        try:
            if not self._can():
                return
            at = internals_clients.find(ctx.master, below)
            if at is not None and at.is_free() and not at.transport.is_closing():
                Shortcut(at, lane, self._tasks).begin()
        except Exception as error:
            logger.warning("a connection keeps mitmproxy's way: %s", describe_fault(error))

    def _can(self) -> bool:
        if self._works is None:
            reason = internals_clients.rehearse(ctx.options)
            self._works = not reason
            if reason:
                logger.warning("repeats keep mitmproxy's own way to the lane, which takes longer: %s", reason)
        return self._works


class Shortcut(asyncio.BufferedProtocol):
    """The short way of one client's connection; the protocol of its socket meanwhile."""

    def __init__(self, at: Access, lane: Answers, tasks: Tasks) -> None:
        self._at = at
        self._lane = lane
        self._tasks = tasks
        self._cipher = at.cipher
        self._transport = at.transport
        self._before = self._transport.get_protocol()
        self._waits = False

    def begin(self) -> None:
        """Take the socket over."""
        logger.debug("repeats take the short way")
        self._transport.set_protocol(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return _view

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come from the client."""
        try:
            ended = self._serve(nbytes)
        except Exception as error:
            logger.warning("a connection broke: %s", describe_fault(error))
            self._transport.abort()
            return
        if ended:
            self._leave()
            self._tasks.start(self._at.give_back())

    def _serve(self, size: int) -> bool:
        """Answer what has come; whether mitmproxy must go on."""
        self._at.note_activity()
        cipher, transport = self._cipher, self._transport
        ended = False
        if cipher is None:
            data = bytes(_view[:size])
        else:
            data, reaction, ended = cipher.decrypt(0, size)
            if reaction:
                transport.write(reaction)
        if not data:
            return ended
        answers, rest = self._lane.take(data)
        try:
            for answer in answers:
                transport.write(answer if cipher is None else cipher.encrypt(answer))
        finally:
            self._lane.settle()
        return ended or rest

    def _leave(self) -> None:
        self._transport.set_protocol(self._before)
        if self._waits:
            self._transport.resume_reading()

    def eof_received(self) -> bool | None:
        """The client has closed."""
        self._leave()
        return self._before.eof_received()  # type: ignore[attr-defined, no-any-return]

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._before.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take its answers: nothing more is read from it."""
        self._waits = True
        self._transport.pause_reading()
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """It has taken them."""
        self._waits = False
        self._transport.resume_reading()
        self._before.resume_writing()
