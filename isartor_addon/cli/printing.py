"""How verbs print what they have found: for people, or as JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def print_json(document: object) -> None:
    """Print for programs."""
    print(json.dumps(document, indent=2, default=str))


def print_text(text: str) -> None:
    """Print a line, or several. What clients, providers and models have written is in it: see `visible`."""
    print(visible(text))


def print_fields(fields: Mapping[str, object]) -> None:
    """Print names and values in two columns."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        print_text(f"{name:<{width}}  {value}")


def print_table(rows: Sequence[Sequence[object]]) -> None:
    """Print rows of equally many cells, the heading among them, each column as wide as its widest cell."""
    lines = [[visible(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def visible(text: str) -> str:
    """`text` with its control signs written out, but for line ends and tabs: a terminal would obey them."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
