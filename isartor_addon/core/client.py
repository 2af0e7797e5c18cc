"""A coding tool as data: how it is recognised, and what of its requests changes between identical runs.

The tables themselves are in `clients/`, one file a tool. What a table does not name counts as meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

import orjson

from isartor_addon.core.prompt import Json

Place = Literal["system", "user", "tool"]
"""Where a text stands: instructions, the user's turn, or a tool's result."""


@dataclass(frozen=True, slots=True)
class TextRule:
    """A clock or a process number inside a text that otherwise has meaning."""

    place: Place
    where: Literal["start", "end"]
    """Only there is the pattern sought: what a tool writes around its data, never within."""
    hint: str
    """Plain text. `start`: how the text begins; `end`: what stands in its last 200 characters."""
    pattern: re.Pattern[str]
    """`start`: matched at the beginning; `end`: searched in the last 200 characters."""
    replacement: str = ""
    """What stands in the key instead (`re.sub` syntax)."""


@dataclass(frozen=True, slots=True, eq=False)
class Volatile:
    """What differs between two runs that ask the same. Names are exact; nothing here reaches into tool arguments, tool
    results' data or schemas, except a `TextRule` with place `tool`, which names the line it means.
    """

    body: frozenset[str] = frozenset()
    """Top-level fields left out."""
    inside: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Fields left out of a top-level object: `{"metadata": {"user_id"}}`."""
    turn: frozenset[str] = frozenset()
    """Fields left out of every message or input item."""
    part: frozenset[str] = frozenset()
    """Fields left out of every content part, system block and tool definition."""
    system_blocks: tuple[str, ...] = ()
    """System blocks that begin so are left out whole."""
    text: tuple[TextRule, ...] = ()

    def __or__(self, other: Volatile) -> Volatile:
        """Both tables together."""
        inside = dict(self.inside)
        for name, names in other.inside.items():
            inside[name] = inside.get(name, frozenset()) | names
        return Volatile(
            body=self.body | other.body,
            inside=inside,
            turn=self.turn | other.turn,
            part=self.part | other.part,
            system_blocks=self.system_blocks + other.system_blocks,
            text=self.text + other.text,
        )


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What a tool puts around the user's words within their turn. The words themselves may be said in other words; what
    is put around them may not, and stays with the rest of the request.
    """

    blocks: tuple[str, ...] = ()
    """Tags, as in `<system-reminder>...</system-reminder>`: such a block before or after the words is none of them."""
    around: tuple[str, ...] = ()
    """Tags between which the words stand."""
    lines: tuple[re.Pattern[str], ...] = ()
    """Lines before the words; each is matched at the beginning, its line's end included."""

    def __or__(self, other: Wrapping) -> Wrapping:
        """Both tables together."""
        return Wrapping(self.blocks + other.blocks, self.around + other.around, self.lines + other.lines)


@dataclass(frozen=True, slots=True)
class Declared:
    """Where a tool says an id of its own: a header, or a path into the body. Exactly one of the two is set."""

    header: str = ""
    """Lower case."""
    body: tuple[str | int, ...] = ()
    """Keys and indices from the top. A key that leads to a string of JSON steps into that JSON."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A side call that a tool makes for itself, known by some fields of its body."""

    name: str
    where: tuple[tuple[tuple[str | int, ...], Json], ...]
    """Paths into the body and the value each must have; all of them must hold."""
    uncacheable: str = ""
    """Why its answer must not be stored or served; empty where it may."""

    def fits(self, body: Mapping[str, Json]) -> bool:
        """Whether `body` is this errand's."""
        return all(at(body, path) == value for path, value in self.where)


def at(value: Json, path: tuple[str | int, ...]) -> Json:
    """What stands at `path`, None if nothing does. A key that leads to a string of JSON steps into that JSON."""
    for step in path:
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                return None
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


@dataclass(frozen=True, slots=True)
class Client:
    """One coding tool or SDK."""

    name: str
    agents: tuple[str, ...] = ()
    """Lower-case beginnings of its `user-agent`."""
    headers: frozenset[str] = frozenset()
    """Lower-case names of headers that only this tool sends."""
    volatile: Volatile = Volatile()
    """Its own table; the general one (`clients/generic.py`) is already joined to it."""
    run_ids: Mapping[str, tuple[Declared, ...]] = field(default_factory=dict)
    """Ids of the run by name; of several places the first that says something counts. Every other occurrence of such an
    id in the body is taken as that name, and on replay the new run's id stands where the recorded run's stood.
    The name `session` is the client's session."""
    wrapping: Wrapping = Wrapping()
    """Its own table, joined to the general one."""
    errands: tuple[Errand, ...] = ()
    account: tuple[Declared, ...] = ()
    """The account behind a credential that rotates, as the tool declares it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the tool needs in its environment besides the common exports; `{ca}`, `{bundle}` and `{proxy}` are filled
    in."""
    note: str = ""
    """What a user must know to run it behind the proxy; empty when the exports suffice."""


def check_table(table: Volatile) -> None:
    """Raise `TypeError` where a table holds a plain string for a set: `frozenset("ab")` would mean two names."""
    for each in fields(table):
        if isinstance(getattr(table, each.name), str):
            raise TypeError(f"{each.name} is a string")
