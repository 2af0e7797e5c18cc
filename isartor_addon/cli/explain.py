"""Say what happened to a request, and why an answer came from the store or did not.

isartor explain            the latest requests
isartor explain WHICH      one request: a flow's id, or the beginning of a key (`x-isartor-key`), and how it differs
                           from the most similar one
isartor explain ONE OTHER  in which fields two requests differ
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import closing
from typing import Any

from isartor_addon.assemble import open_journal
from isartor_addon.cli.printing import print_fields, print_json, print_text
from isartor_addon.cli.settings import add_settings, config_of
from isartor_addon.core.exchange import Step
from isartor_addon.core.fingerprint import differences
from isartor_addon.observe.explain import explain
from isartor_addon.observe.journal import Journal
from isartor_addon.observe.record import Record

_SHOWN_PATHS = 40


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("which", nargs="*", metavar="FLOW_OR_KEY", help="at most two")
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    if len(arguments.which) > 2:
        print("isartor: at most two requests can be compared", file=sys.stderr)
        return 2
    with closing(open_journal(config_of(arguments))) as journal:
        if not arguments.which:
            return _recent(journal, as_json=arguments.json)
        if len(arguments.which) == 1 and not arguments.json:
            return _tell(journal, arguments.which[0])
        records = []
        for which in arguments.which:
            record = journal.find(which)
            if record is None:
                print(f"isartor: nothing is known of a request `{which}`", file=sys.stderr)
                return 1
            records.append(record)
        document = _one(journal, records[0]) if len(records) == 1 else _two(journal, records[0], records[1])
    if arguments.json:
        print_json(document)
    else:
        _print(document)
    return 0


def _recent(journal: Journal, *, as_json: bool) -> int:
    records = journal.recent()
    if as_json:
        print_json([_describe(record) for record in records])
        return 0
    for record in records:
        print_text(f"{_clock(record.time)}  {record.short}  {record.layer or '-':4}  {record.client}  {record.model}")
    return 0


def _tell(journal: Journal, which: str) -> int:
    try:
        print_text(explain(journal, which))
    except LookupError as error:
        print(f"isartor: {error}", file=sys.stderr)
        return 1
    return 0


def _one(journal: Journal, record: Record) -> dict[str, Any]:
    document = _describe(record)
    nearest = journal.nearest(journal.fingerprint(record), but=record.key, wire=record.wire, host=record.host)
    if nearest is not None:
        other, paths = nearest
        document |= _difference(record, other, paths)
    return document


def _two(journal: Journal, one: Record, other: Record) -> dict[str, Any]:
    return _describe(one) | _difference(one, other, differences(journal.fingerprint(one), journal.fingerprint(other)))


def _difference(one: Record, other: Record, paths: list[str]) -> dict[str, Any]:
    callers = ["caller"] if one.caller != other.caller else []
    return {"compared with": f"{other.short} ({_clock(other.time)})", "differs in": [*callers, *paths]}


def _describe(record: Record) -> dict[str, Any]:
    return {
        "flow": record.flow,
        "key": record.key,
        "time": _clock(record.time),
        "client": record.client,
        "request": f"{record.wire} {record.mode} to {record.host}",
        "model": record.model,
        "answered by": record.layer or "nobody",
        "status": record.status,
        "trail": [_step(step) for step in record.trail],
    }


def _step(step: Step) -> str:
    note = f" ({step.note})" if step.note else ""
    return f"{step.layer} {step.outcome}{note}"


def _clock(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _print(document: dict[str, Any]) -> None:
    shown = dict(document)
    shown["trail"] = " -> ".join(document["trail"])
    paths = shown.pop("differs in", None)
    print_fields(shown)
    if paths is None:
        return
    print("differs in:" if paths else "differs in nothing: it is the same request")
    for path in paths[:_SHOWN_PATHS]:
        print_text(f"  {path}")
    if len(paths) > _SHOWN_PATHS:
        print(f"  ... and {len(paths) - _SHOWN_PATHS} more")
