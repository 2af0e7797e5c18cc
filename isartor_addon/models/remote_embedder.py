"""Embedders behind a URL: text-embeddings-inference (`/embed`), and whatever speaks OpenAI's `/v1/embeddings`.

The environment's proxies are not looked at: they may be this one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import orjson

from isartor_addon.core.errors import EmbedderError, NotEmbeddable
from isartor_addon.layers.ports import Clock
from isartor_addon.models.pool import Pool

if TYPE_CHECKING:
    import httpx2

    from isartor_addon.layers.ports import Vector

THREADS = 4
MOST_TEXTS = 32
"""Texts of one request: what text-embeddings-inference takes as it comes."""
MOST_CHARACTERS = 16_384
"""Of a text."""
MOST_BYTES = 16 << 20
"""Of a reply."""
PAUSE_S = 10.0
"""How long a server that does not answer is left alone: a miss is not to wait for it."""
_OF_THE_TEXT = frozenset({400, 413, 422})
"""Statuses that say something of what was sent, and nothing of the server."""
_UNIT = 1e-6

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """Where texts are sent, and how."""

    backend: Literal["tei", "openai"]
    url: str
    """With its path; for `openai` with `/v1`, which may be left out where there is no other path."""
    model: str
    key: str = field(default="", repr=False)
    timeout_s: float = 2.0
    proxy: str = ""
    """By which it is reached; empty: straight."""
    proxy_login: str = field(default="", repr=False)
    """What to show that proxy, `user:password`."""
    ca_file: str = ""
    """Certificates to trust besides those of public authorities, PEM; empty: none."""

    @property
    def target(self) -> str:
        """The whole URL."""
        url = self.url.rstrip("/")
        if self.backend == "tei":
            return f"{url}/embed"
        return f"{url}/embeddings" if urlsplit(url).path else f"{url}/v1/embeddings"

    def ask(self, texts: Sequence[str]) -> bytes:
        """The request's body. A text that is too long is to be refused, not cut."""
        if self.backend == "tei":
            return orjson.dumps({"inputs": texts, "truncate": False, "normalize": True})
        return orjson.dumps({"model": self.model, "input": texts, "encoding_format": "float"})

    def read(self, body: bytes) -> list[Any]:
        """
        The vectors of a reply, in the order of the texts.

        Raises:
            ValueError, KeyError, TypeError: it holds none.
        """
        reply = orjson.loads(body)
        if self.backend == "tei":
            return list(reply)
        return [each["embedding"] for each in sorted(reply["data"], key=lambda each: each["index"])]


class RemoteEmbedder:
    """Embedder by a server."""

    def __init__(self, server: Server, clock: Clock) -> None:
        """
        Args:
            server: whom to ask.
            clock: time.
        """
        self._server = server
        self._clock = clock
        self._pool = Pool(THREADS)
        self._opening = threading.Lock()
        self._client: httpx2.Client | None = None
        self._trouble = ""
        self._again_at = 0.0

    @property
    def id(self) -> str:
        """Backend, address and model. The dimension is told apart by the index."""
        return f"{self._server.backend} {self._server.target} {self._server.model}"

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """
        One vector of unit length a text.

        Raises:
            EmbedderError: the server does not answer, not in time, or not with vectors.
            NotEmbeddable: a text is too long, or the server does not take it.
        """
        if any(len(text) > MOST_CHARACTERS for text in texts):
            raise NotEmbeddable(f"the text is too long to be embedded: at most {MOST_CHARACTERS} characters")
        if self._trouble and self._clock.monotonic() < self._again_at:
            raise EmbedderError(self._trouble)
        return await self._pool.run(
            lambda: [vector for some in batched(texts, MOST_TEXTS) for vector in self._ask(some)]
        )

    async def windows(self, text: str) -> int:
        """1, or 0 for a text that is not sent; how the server reads it, it does not say."""
        return int(len(text) <= MOST_CHARACTERS)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._pool.close()
        if self._client is not None:
            self._client.close()

    def _ask(self, texts: Sequence[str]) -> list[Vector]:
        status, body = self._exchange(self._server.ask(texts))
        if status in _OF_THE_TEXT:
            raise NotEmbeddable(f"the embedder's server does not take the text: status {status}")
        if status != 200:
            raise self._failed(f"the embedder's server answers with status {status}")
        try:
            vectors = _vectors(self._server.read(body), len(texts))
        except (ValueError, KeyError, TypeError) as error:
            raise self._failed("the embedder's server answers with something else than vectors") from error
        if self._trouble:
            self._trouble = ""
            log.warning("the embedder's server is back")
        return vectors

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        import httpx2

        until = self._clock.monotonic() + self._server.timeout_s
        received = bytearray()
        try:
            with self._opened().stream("POST", self._server.target, content=body) as response:
                for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) > MOST_BYTES or self._clock.monotonic() > until:
                        raise self._failed("the embedder's server sends too much, or too slowly")
                return response.status_code, bytes(received)
        except httpx2.TimeoutException as error:
            raise self._failed("the embedder's server does not answer in time") from error
        except (httpx2.HTTPError, OSError) as error:
            raise self._failed(f"the embedder's server cannot be asked: {type(error).__name__}") from error

    def _failed(self, reason: str) -> EmbedderError:
        """Leave it alone for a while; the first time is logged."""
        if not self._trouble:
            log.warning("%s; questions in other words are not recognised, next try in %d s", reason, PAUSE_S)
        self._trouble = reason
        self._again_at = self._clock.monotonic() + PAUSE_S
        return EmbedderError(reason)

    def _opened(self) -> httpx2.Client:
        import httpx2

        with self._opening:
            if self._client is None:
                server = self._server
                context = httpx2.create_ssl_context(trust_env=False)
                if server.ca_file:
                    context.load_verify_locations(server.ca_file)
                user, _, password = server.proxy_login.partition(":")
                proxy = httpx2.Proxy(server.proxy, auth=(user, password) if user else None) if server.proxy else None
                headers = {"content-type": "application/json", "accept": "application/json"}
                if server.key:
                    headers["authorization"] = f"Bearer {server.key}"
                self._client = httpx2.Client(
                    headers=headers,
                    timeout=server.timeout_s,
                    limits=httpx2.Limits(max_connections=THREADS),
                    proxy=proxy,
                    verify=context,
                    trust_env=False,
                )
            return self._client


def _vectors(found: list[Any], count: int) -> list[Vector]:
    import numpy as np

    matrix = np.array(found, np.float32)
    if matrix.ndim != 2 or len(matrix) != count or not matrix.shape[1]:
        raise ValueError("not one vector a text")
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths < _UNIT).any():
        raise ValueError("a vector without direction")
    return list(matrix / lengths)
