"""Which settings hold, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isartor_addon.config.keys import Key, keys, keys_of
from isartor_addon.config.load import Source
from isartor_addon.config.values import as_text

_SECRET: Mapping[str, str] = {"token": "(set)", "egress.proxy_login": "(set)"}


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
        if self.key.name in _SECRET and self.value:
            return _SECRET[self.key.name]
        return as_text(self.value)


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
