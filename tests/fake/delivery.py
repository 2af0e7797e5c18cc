"""Sending a reply, with what a plan says shall go wrong."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import zstandard
from aiohttp import web

from tests.fake.plan import END, Call, Plan, Said

type Notify = Callable[[], None]


async def deliver(request: web.Request, said: Said, plan: Plan, call: Call, notify: Notify) -> web.StreamResponse:
    """Send `said` as `plan` has it; `notify` is called at every step that a test may wait for."""
    pieces = said.pieces if plan.pieces is None else plan.pieces
    if plan.error_event is not None:
        pieces = (*pieces[: plan.error_event], said.error_event)
    headers = {"content-type": plan.content_type or said.content_type, **said.headers, **plan.headers}
    if plan.encoding:
        headers["content-encoding"] = plan.encoding
    sent = _sliced(_encoded(pieces, plan), plan)
    response = web.StreamResponse(status=said.status, headers=headers)
    if len(pieces) == 1 and plan.error_event is None:
        response.content_length = sum(map(len, sent))
    room = plan.cut_bytes
    for index, piece in enumerate(sent):
        await wait(plan, index, notify)
        if not response.prepared:
            await response.prepare(request)
        if plan.cut == index:
            raise _closed(request, call)
        if room is not None and len(piece) >= room:
            await response.write(piece[:room])
            raise _closed(request, call)
        room = None if room is None else room - len(piece)
        await response.write(piece)
        call.sent = index + 1
        call.sent_bytes += len(piece)
        notify()
    await wait(plan, END, notify)
    if plan.cut == END:
        raise _closed(request, call)
    await response.write_eof()
    return response


async def wait(plan: Plan, index: int, notify: Notify) -> None:
    """Wait at a gate, if there is one before piece `index`."""
    if index in plan.hold:
        plan.held += 1
        notify()
        await plan.gate.acquire()


def _closed(request: web.Request, call: Call) -> ConnectionResetError:
    call.ended = "cut"
    if request.transport is not None:
        request.transport.close()
    return ConnectionResetError("cut by plan")


def _sliced(pieces: list[bytes], plan: Plan) -> list[bytes]:
    if plan.at_once:
        return [b"".join(pieces)]
    if plan.slice_bytes is None:
        return pieces
    body = b"".join(pieces)
    return [body[at : at + plan.slice_bytes] for at in range(0, len(body), plan.slice_bytes)]


def _encoded(pieces: tuple[bytes, ...], plan: Plan) -> list[bytes]:
    """Every piece so encoded that it can be read when it has arrived."""
    match plan.encoding:
        case "gzip":
            packer = zlib.compressobj(wbits=31)
        case "deflate":
            packer = zlib.compressobj()
        case "zstd":
            return _zstd(pieces)
        case "br":
            return _brotli(pieces)
        case _:
            return list(pieces)
    packed = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*packed[:-1], packed[-1] + packer.flush()]


def _zstd(pieces: tuple[bytes, ...]) -> list[bytes]:
    packer = zstandard.ZstdCompressor().compressobj()
    packed = [packer.compress(piece) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for piece in pieces]
    return [*packed[:-1], packed[-1] + packer.flush()]


def _brotli(pieces: tuple[bytes, ...]) -> list[bytes]:
    packer = brotli.Compressor()
    packed = [packer.process(piece) + packer.flush() for piece in pieces]
    return [*packed[:-1], packed[-1] + packer.finish()]


def decode(body: bytes, encoding: str) -> bytes:
    """
    Undo a request's content encoding.

    Raises:
        ValueError: it is broken, or unknown.
    """
    try:
        match encoding.lower():
            case "" | "identity":
                return body
            case "gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
            case "br":
                return bytes(brotli.decompress(body))
            case "zstd":
                return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    except (OSError, EOFError, zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise ValueError(f"broken {encoding}: {error}") from error
    raise ValueError(f"unknown encoding {encoding}")
