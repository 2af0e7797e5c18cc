"""Labelled pairs of texts, as files have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parents[2] / "tests" / "semantic_pairs"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, and whether the answer to the first may serve the second."""

    a: str
    b: str
    same: bool
    category: str = ""
    half: str = ""


def shipped() -> Sequence[Path]:
    """The files of the project's own pairs."""
    return sorted(SHIPPED.glob("*.jsonl"))


def read(files: Iterable[Path], half: str = "") -> Sequence[Pair]:
    """
    The pairs of all files, of one half only if `half` says so.

    Raises:
        ValueError: a row is not a pair; the message names file and line.
    """
    return [pair for file in files for pair in _rows(file) if not half or pair.half == half]


def _rows(file: Path) -> Iterable[Pair]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield Pair(row["a"], row["b"], bool(int(row["label"])), row.get("category", ""), row.get("half", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{file}:{number}: not a labelled pair ({type(error).__name__})") from error


def prompts(file: Path) -> Sequence[str]:
    """The prompts of a stream, one a line: JSON with `prompt`, a JSON string, or plain text."""
    return [_prompt(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _prompt(line: str) -> str:
    try:
        row = json.loads(line)
    except ValueError:
        return line
    if isinstance(row, dict):
        return str(row["prompt"])
    return row if isinstance(row, str) else line
