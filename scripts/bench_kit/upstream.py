"""A fast stand-in for a provider, over TLS on loopback: `python -m bench_kit.upstream CERTIFICATE KEY`.

Prints its port, then answers every request with the one reply of `traffic`, streamed where the request says so; after
`THINKING_S` where it asks for reasoning, else at once. Where a header wants it to, it fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys

from bench_kit import traffic

GAP_S = 0.001
"""Between two events of a stream."""
THINKING_S = 0.02
"""Less than any real provider needs to its first token."""
_JSON = traffic.reply()
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_JSON), _JSON)
_ERROR = b'{"error": {"message": "not now", "type": "bench", "param": null, "code": null}}'
_FAILED = b"HTTP/1.1 %d Not Now\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_CHUNKS = [b"%x\r\n%b\r\n" % (len(event), event) for event in traffic.events()]


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_header(head, b"content-length"))
            if b'"reasoning_effort"' in body:
                await asyncio.sleep(THINKING_S)
            if status := _header(head, traffic.FAIL):
                writer.write(_FAILED % (status, len(_ERROR), _ERROR))
            elif b'"stream": true' in body:
                await _stream(writer)
            else:
                writer.write(_WHOLE)
            await writer.drain()
    writer.close()


async def _stream(writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD + _CHUNKS[0])
    for chunk in _CHUNKS[1:]:
        await asyncio.sleep(GAP_S)
        writer.write(chunk)
    writer.write(b"0\r\n\r\n")


def _header(head: bytes, name: bytes) -> int:
    """A number in the head; 0 where it is not there."""
    _, _, rest = head.lower().partition(b"\r\n%b:" % name)
    return int(rest.partition(b"\r\n")[0]) if rest else 0


async def main(certificate: str, key: str) -> None:
    """Serve until standard input ends: then whoever started this is gone."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
