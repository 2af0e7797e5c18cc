"""Writes the parts of README.md that are made from the code."""

from __future__ import annotations

from pathlib import Path

from isartor_addon.config.explain import table

README = Path(__file__).parents[1] / "README.md"


def written(text: str) -> str:
    """The README with its generated parts as they should be."""
    before, _, rest = text.partition("<!-- settings -->\n")
    _, _, after = rest.partition("<!-- /settings -->")
    return f"{before}<!-- settings -->\n{table()}<!-- /settings -->{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
