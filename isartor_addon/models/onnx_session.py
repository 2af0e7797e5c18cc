"""The shipped model, loaded: texts in, vectors out, in the calling thread. Importing this imports onnxruntime."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from isartor_addon.core.errors import EmbedderError
from isartor_addon.models import shipped
from isartor_addon.models.reading import Reader

if TYPE_CHECKING:
    from isartor_addon.layers.ports import Vector

_ERRORS_ONLY = 3


class OnnxSession:
    """One onnxruntime session and one tokenizer. Safe for threads."""

    def __init__(self, folder: Path) -> None:
        """
        Load the files; some 150 ms with the imports.

        Raises:
            EmbedderError: they cannot be read or are not those that were shipped.
        """
        try:
            digests = [sha256((folder / name).read_bytes()).hexdigest() for name in (shipped.MODEL, shipped.TOKENIZER)]
        except OSError as error:
            raise EmbedderError(f"the embedder's files cannot be read: {error.strerror}") from error
        if digests != [shipped.MODEL_SHA256, shipped.TOKENIZER_SHA256]:
            raise EmbedderError("the embedder's files are not those that were shipped")
        self.reader = Reader(Tokenizer.from_file(str(folder / shipped.TOKENIZER)))
        onnxruntime.disable_telemetry_events()
        # By its path: of bytes onnxruntime keeps a copy.
        path = str(folder / shipped.MODEL)
        self._session = onnxruntime.InferenceSession(path, _options(), providers=["CPUExecutionProvider"])

    def embed(self, text: str) -> Vector:
        """
        The vector of `text` at unit length [384]. Of a text in several windows: the mean of their vectors.

        The model's own vector is the mean over tokens; over windows of equal length their mean says the same of a text
        that the model cannot see at once.

        Raises:
            NotEmbeddable: see `Reader.windows`.
        """
        vectors = [self._run(window) for window in self.reader.windows(text)]
        if len(vectors) == 1:
            return vectors[0]
        mean = np.mean(vectors, axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def _run(self, window: list[int]) -> Vector:
        ids = np.array([window], np.int64)
        vector: Vector = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        return vector


def _options() -> onnxruntime.SessionOptions:
    """One thread a text: a second one helps only from 64 tokens on, and is the cost of another text's thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ERRORS_ONLY
    return options
