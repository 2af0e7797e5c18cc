"""Content encodings of requests and replies (RFC 9110, 8.4): gzip, deflate, br, zstd, also one over another.

Decoding is incremental and bounded, so that a small body cannot unpack to gigabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
import zstandard

type Step = Callable[[bytes], bytes]


class Undecodable(Exception):
    """The bytes are not in the encoding they claim, or the encoding is not known."""


class BodyTooLarge(Exception):
    """The decoded body passes the bound."""


class ContentDecoder:
    """Removes a body's content encodings, piece by piece."""

    def __init__(self, encodings: str, *, limit: int) -> None:
        """
        Args:
            encodings: the `content-encoding` header; empty for none.
            limit: bound of the decoded size, in bytes.

        Raises:
            Undecodable: an encoding is not known.
        """
        names = [name.strip().lower() for name in encodings.split(",")]
        self._decoders = [_decoder(name) for name in reversed(names) if name not in ("", "identity")]
        self._left = limit

    def feed(self, data: bytes) -> bytes:
        """
        Decode the next bytes.

        Raises:
            Undecodable: they are damaged.
            BodyTooLarge: more has been decoded than the bound allows.
        """
        for decoder in self._decoders:
            data = decoder.feed(data, self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise BodyTooLarge
        return data

    def close(self) -> None:
        """
        Say that all bytes have been fed.

        Raises:
            Undecodable: a compressed stream has not come to its end.
        """
        for decoder in self._decoders:
            if not decoder.ended:
                raise Undecodable("the compressed body is cut short")


def decode(data: bytes, encodings: str, *, limit: int) -> bytes:
    """
    Decode a whole body.

    Raises:
        Undecodable, BodyTooLarge: see `ContentDecoder`.
    """
    if len(data) > limit:
        raise BodyTooLarge
    if not encodings:
        return data
    decoder = ContentDecoder(encodings, limit=limit)
    decoded = decoder.feed(data)
    decoder.close()
    return decoded


class _Zlib:
    """gzip and deflate; deflate also without its zlib header, as some servers send it."""

    def __init__(self, wbits: int) -> None:
        self._stream = zlib.decompressobj(wbits)
        self._raw_deflate_possible = wbits == zlib.MAX_WBITS
        self.ended = False

    def feed(self, data: bytes, limit: int) -> bytes:
        try:
            decoded = self._stream.decompress(data, limit)
        except zlib.error as error:
            if not self._raw_deflate_possible:
                raise Undecodable(str(error)) from error
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            self._raw_deflate_possible = False
            return self.feed(data, limit)
        self._raw_deflate_possible = self._raw_deflate_possible and not data
        self.ended = self._stream.eof
        if self._stream.unconsumed_tail:
            raise BodyTooLarge
        return decoded


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self.ended = False

    def feed(self, data: bytes, limit: int) -> bytes:
        try:
            decoded: bytes = self._stream.process(data, output_buffer_limit=limit) if data else b""
        except brotli.error as error:
            raise Undecodable(str(error)) from error
        if not self._stream.can_accept_more_data():
            raise BodyTooLarge
        self.ended = self._stream.is_finished()
        return decoded


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        self.ended = False

    def feed(self, data: bytes, limit: int) -> bytes:
        # zstandard bounds the window but not the output: it is fed so little at a time that no step can pass the bound
        # by much more than the format's own maximum ratio for that little.
        decoded: list[bytes] = []
        size = 0
        for start in range(0, len(data), 4096):
            try:
                piece = self._stream.decompress(data[start : start + 4096])
            except zstandard.ZstdError as error:
                raise Undecodable(str(error)) from error
            decoded.append(piece)
            size += len(piece)
            if size > limit:
                raise BodyTooLarge
        self.ended = self._stream.eof
        return b"".join(decoded)


def _decoder(name: str) -> _Zlib | _Brotli | _Zstd:
    match name:
        case "gzip" | "x-gzip":
            return _Zlib(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Zlib(zlib.MAX_WBITS)
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
    raise Undecodable(f"unknown content encoding {name[:20]!r}")
