"""The elements of a JSON array of objects out of a byte stream that is cut anywhere (Gemini streams so)."""

from __future__ import annotations

import re
from typing import Final

from isartor_addon.core.errors import BadReply
from isartor_addon.wire.lines import LIMIT

_OPENING: Final = b"[{"
_STRUCTURE: Final = re.compile(rb'["{}\[\]]')
_IN_STRING: Final = re.compile(rb'["\\]')


class Elements:
    """Gives the elements of a JSON array as they complete. Work is linear in the bytes fed, however they are cut."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self.closed = False
        """Whether the array's closing bracket has been read."""
        self._limit = limit
        self._held = bytearray()
        self._at = 0
        """Where scanning goes on."""
        self._from = 0
        """Where the element begins, or what stands between two."""
        self._depth = 0
        self._in_string = False
        self._separators = (b"",)
        """What may stand before the next element, white space aside."""

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next bytes; give the elements they complete.

        Raises:
            BadReply: this is no array of objects, or an element is larger than the limit.
        """
        self._held += data
        elements: list[bytes] = []
        while not self.closed and (self._skip_string() if self._in_string else self._next(elements)):
            pass
        if self.closed and self._held[self._at :].strip():
            raise BadReply("something follows the reply's array")
        del self._held[: self._from]
        self._at -= self._from
        self._from = 0
        if len(self._held) > self._limit:
            raise BadReply(f"an element of the reply has more than {self._limit} bytes")
        return elements

    def _skip_string(self) -> bool:
        """Go on behind the next quote or escape; False: it has not come yet."""
        found = _IN_STRING.search(self._held, self._at)
        if found is None:
            self._at = len(self._held)
            return False
        if found[0] == b"\\":
            self._at = found.start()
            if len(self._held) < self._at + 2:
                return False
            self._at += 2
            return True
        self._at = found.end()
        self._in_string = False
        return True

    def _next(self, elements: list[bytes]) -> bool:
        """Go on behind the next quote or bracket; False: it has not come yet."""
        found = _STRUCTURE.search(self._held, self._at)
        if found is None:
            self._at = len(self._held)
            return False
        self._at = found.end()
        if found[0] == b'"':
            self._in_string = True
        elif found[0] in _OPENING:
            self._open(found.start(), found[0])
        else:
            self._shut(found.start(), found[0], elements)
        return True

    def _open(self, at: int, bracket: bytes) -> None:
        if self._depth < 2:
            self._check_gap(at, self._separators)
            if bracket != (b"{" if self._depth else b"["):
                raise BadReply("the reply is not an array of objects")
            self._from = at if self._depth else at + 1
        self._depth += 1

    def _shut(self, at: int, bracket: bytes, elements: list[bytes]) -> None:
        self._depth -= 1
        if self._depth == 1:
            elements.append(bytes(self._held[self._from : self._at]))
            self._from = self._at
            self._separators = (b",",)
        elif self._depth <= 0:
            self._check_gap(at, (b"",))
            if bracket != b"]" or self._depth < 0:
                raise BadReply("the reply is not an array of objects")
            self.closed = True
            self._from = self._at

    def _check_gap(self, at: int, allowed: tuple[bytes, ...]) -> None:
        if bytes(self._held[self._from : at]).strip() not in allowed:
            raise BadReply("the reply is not an array of objects")
