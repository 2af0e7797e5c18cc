"""Which settings hold, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isartor_addon.config.keys import Key, keys, keys_of
from isartor_addon.config.load import Source
from isartor_addon.config.values import as_text


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting as it holds."""

    key: Key
    value: Any
    source: str
    """`default`, or where it was found."""

    @property
    def shown(self) -> str:
        """The value as text; what must stay secret is not shown."""
        return "(set)" if self.key.secret and self.value else as_text(self.value)


def explain(source: Source) -> tuple[Effective, ...]:
    """Every setting in the schema's order, from what `config.load.gather` found."""
    return tuple(
        Effective(key, source[key.name].value, source[key.name].source)
        if key.name in source
        else Effective(key, key.default, "default")
        for key in keys()
    )


def table() -> str:
    """The settings as the README's Markdown table."""
    rows = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for key in keys():
        rows.append(_row(key, key.name))
        if key.record is not None:
            rows += [_row(each, f"{key.name}[].{each.name}") for each in keys_of(key.record)]
    return "\n".join(rows) + "\n"


def _row(key: Key, name: str) -> str:
    kind = " \\| ".join(f"`{choice}`" for choice in key.choices) or key.type
    unit = f", {key.unit}" if key.unit else ""
    default = f"`{as_text(key.default)}`" if as_text(key.default) else ""
    return f"| `{name}` | {kind}{unit} | {default} | {key.help} |"
