"""Content encodings of requests and replies (RFC 9110, 8.4): gzip, deflate, br, zstd, also one over another.

Decoding is incremental and bounded, so that a small body cannot unpack to gigabytes.
"""

from __future__ import annotations

import zlib

import brotli
import zstandard

_GZIP = zlib.MAX_WBITS | 16
MOST = 8
"""Encodings of one body, one over another."""


class Undecodable(Exception):
    """The bytes are not in the encoding they claim, the encoding is not known, or there are too many of them."""


class BodyTooLarge(Exception):
    """The decoded body passes the bound."""


class ContentDecoder:
    """Removes a body's content encodings, piece by piece."""

    __slots__ = ("_decoders", "_left")

    def __init__(self, encodings: str, *, limit: int) -> None:
        """
        Args:
            encodings: the `content-encoding` header; empty for none.
            limit: bound of the decoded size, in bytes.

        Raises:
            Undecodable: an encoding is not known, or there are too many.
        """
        names = [name for each in encodings.split(",") if (name := each.strip().lower()) not in ("", "identity")]
        if len(names) > MOST:
            raise Undecodable(f"{len(names)} content encodings")
        self._decoders = [_decoder(name) for name in reversed(names)]
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
    """gzip, in one member or several (RFC 1952, 2.2), and deflate, also without its zlib header, as some send it."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._stream = zlib.decompressobj(wbits)
        self._raw_deflate_possible = wbits == zlib.MAX_WBITS
        self.ended = False

    def feed(self, data: bytes, limit: int) -> bytes:
        decoded = bytearray()
        while data:
            if self._stream.eof:
                if self._wbits != _GZIP:
                    raise Undecodable("something follows the compressed body")
                self._stream = zlib.decompressobj(self._wbits)
            decoded += self._decompress(data, limit - len(decoded))
            if self._stream.unconsumed_tail or len(decoded) >= limit:
                raise BodyTooLarge
            data = self._stream.unused_data
        self.ended = self._stream.eof
        return bytes(decoded)

    def _decompress(self, data: bytes, limit: int) -> bytes:
        try:
            decoded = self._stream.decompress(data, limit)
        except zlib.error as error:
            if not self._raw_deflate_possible:
                raise Undecodable(str(error)) from error
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            self._raw_deflate_possible = False
            return self._decompress(data, limit)
        self._raw_deflate_possible = False
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


class _OldBrotli:
    """The same by brotli before 1.2, which cannot bound what a step gives; mitmproxy before 12.2.1 asks for that."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self.ended = False

    def feed(self, data: bytes, limit: int) -> bytes:
        # A meta-block gives 16 MiB at most (RFC 7932, 9.2), and more than two do not fit into a piece.
        decoded: list[bytes] = []
        size = 0
        for start in range(0, len(data), 16):
            try:
                piece = self._stream.process(data[start : start + 16])
            except brotli.error as error:
                raise Undecodable(str(error)) from error
            decoded.append(piece)
            size += len(piece)
            if size > limit:
                raise BodyTooLarge
        self.ended = self._stream.is_finished()
        return b"".join(decoded)


class _Zstd:
    """Zstandard, in one frame or several (RFC 8878, 3)."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._stream = self._decompressor.decompressobj()
        self.ended = False

    def feed(self, data: bytes, limit: int) -> bytes:
        # zstandard bounds the window but not the output: it is fed so little at a time that no step can pass the bound
        # by much more than the format's own maximum ratio for that little.
        decoded: list[bytes] = []
        size = 0
        for start in range(0, len(data), 4096):
            piece = self._decompress(data[start : start + 4096])
            decoded.append(piece)
            size += len(piece)
            if size > limit:
                raise BodyTooLarge
        self.ended = self._stream.eof
        return b"".join(decoded)

    def _decompress(self, data: bytes) -> bytes:
        decoded = b""
        while data:
            if self._stream.eof:
                self._stream = self._decompressor.decompressobj()
            try:
                decoded += self._stream.decompress(data)
            except zstandard.ZstdError as error:
                raise Undecodable(str(error)) from error
            data = self._stream.unused_data
        return decoded


def _decoder(name: str) -> _Zlib | _Brotli | _OldBrotli | _Zstd:
    match name:
        case "gzip" | "x-gzip":
            return _Zlib(_GZIP)
        case "deflate":
            return _Zlib(zlib.MAX_WBITS)
        case "br":
            return _Brotli() if hasattr(brotli.Decompressor, "can_accept_more_data") else _OldBrotli()
        case "zstd":
            return _Zstd()
    raise Undecodable(f"unknown content encoding {name[:20]!r}")
