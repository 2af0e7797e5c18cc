"""The embedder that is shipped, in two threads of its own. Nothing is loaded before it is first asked."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isartor_addon.core.errors import EmbedderError
from isartor_addon.models import shipped
from isartor_addon.models.pool import Pool
from isartor_addon.models.reading import WINDOW

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector
    from isartor_addon.models.onnx_session import OnnxSession

THREADS = 2

log = logging.getLogger(__name__)


class OnnxEmbedder:
    """Embedder by the shipped model."""

    def __init__(self, folder: Path = shipped.FOLDER) -> None:
        """
        Args:
            folder: where the shipped files are.
        """
        self._folder = folder
        self._pool = Pool(THREADS)
        self._loading = threading.Lock()
        self._session: OnnxSession | None = None
        self._broken = ""

    @property
    def id(self) -> str:
        """The files by their hashes, and how long texts are put together."""
        files = f"{shipped.MODEL_SHA256[:16]}-{shipped.TOKENIZER_SHA256[:16]}"
        return f"onnx {shipped.NAME} {files} windows of {WINDOW}"

    async def load(self) -> None:
        """
        Read the model now rather than with the first text.

        Raises:
            EmbedderError: it cannot be read.
        """
        await self._pool.run(self._loaded)

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """
        One vector of unit length [384] a text.

        Raises:
            EmbedderError: the model cannot be loaded, or too many calls wait.
            NotEmbeddable: a text is too long or has words that the model does not know; see `models/reading.py`.
        """

        def work() -> list[Vector]:
            session = self._loaded()
            return [session.embed(text) for text in texts]

        return await self._pool.run(work)

    async def windows(self, text: str) -> int:
        """In how many pieces `text` is read; 0 where it cannot be embedded."""
        try:
            return len(await self._pool.run(lambda: self._loaded().reader.windows(text)))
        except EmbedderError:
            return 0

    def close(self) -> None:
        """Let go of the threads, when what they do is done."""
        self._pool.close()

    def _loaded(self) -> OnnxSession:
        with self._loading:
            if self._broken:
                raise EmbedderError(self._broken)
            if self._session is None:
                self._session = self._load()
            return self._session

    def _load(self) -> OnnxSession:
        # From 1.29 on onnxruntime reports to its maker, and the first report goes out while it is imported: its own
        # `disable_telemetry_events` comes too late for that, and for the identifier that it writes to the user's home.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        try:
            from isartor_addon.models.onnx_session import OnnxSession

            return OnnxSession(self._folder)
        except Exception as error:
            known = isinstance(error, EmbedderError | ImportError)
            self._broken = str(error) if known else f"the embedder cannot be loaded: {type(error).__name__}"
            log.warning("no text is embedded from now on: %s", self._broken)
            raise EmbedderError(self._broken) from error
