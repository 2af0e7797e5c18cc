"""Writes the parts of README.md that are made from the code."""

from __future__ import annotations

from pathlib import Path

from isartor_addon.config.explain import table
from isartor_addon.wire.translation import left_out

README = Path(__file__).parents[1] / "README.md"


PARTS = {"settings": table, "left out": left_out.table}
"""What stands between two marks of the README, by their name."""


def written(text: str) -> str:
    """The README with its generated parts as they should be."""
    for name, made in PARTS.items():
        before, _, rest = text.partition(f"<!-- {name} -->\n")
        _, _, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}<!-- {name} -->\n{made()}<!-- /{name} -->{after}"
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
