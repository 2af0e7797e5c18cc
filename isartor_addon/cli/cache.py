"""Look at stored answers, remove them, pin them so that they neither expire nor make room for others.

KEY is the beginning of a key, at least 6 hex digits, as in the header `x-isartor-key`. Patterns are like `gpt-4o*`.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from isartor_addon.assemble import open_corrections, open_shelf
from isartor_addon.cli.printing import print_fields, print_json, print_text
from isartor_addon.cli.settings import add_settings, config_of, duration, seconds, shelf_fields
from isartor_addon.core.recording import Entry
from isartor_addon.layers.ports import Shelf

_SHOWN_BYTES = 4000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their flags."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    stats = actions.add_parser("stats", help="how much is stored, and how often it was of use")
    listing = actions.add_parser("list", help="the newest answers")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="how many (default: 20)")
    clear = actions.add_parser(
        "clear", help="remove what matches all flags; without flags everything but what is pinned"
    )
    clear.add_argument("--model", default="", metavar="PATTERN", help="answers of these models")
    clear.add_argument("--host", default="", metavar="PATTERN", help="answers of these providers")
    clear.add_argument("--older-than", type=seconds, metavar="TIME", help="answers older than 90s, 15m, 2h, 7d")
    clear.add_argument("--key", type=_key, metavar="KEY", help="this one")
    show = actions.add_parser("show", help="one answer")
    show.add_argument("key", type=_key, metavar="KEY")
    show.add_argument("--body", action="store_true", help="print the recorded body and nothing else")
    wrong = actions.add_parser("wrong", help="take back an answer that was wrong, to its own words or to others")
    wrong.add_argument("key", type=_key, metavar="KEY", help="of the request that got it, or of the answer")
    pin = actions.add_parser("pin", help="keep one answer for good")
    pin.add_argument("key", type=_key, metavar="KEY")
    pin.add_argument("--unpin", action="store_true", help="let it go its way again")
    for each in (stats, listing, clear, show, wrong, pin):
        add_settings(each)
        each.add_argument("--json", action="store_true", help="print for programs")


def _key(text: str) -> str:
    key = text.strip().lower()
    if len(key) < 6 or len(key) > 64 or not set(key) <= set("0123456789abcdef"):
        raise argparse.ArgumentTypeError(f"`{text}` is no key: give its first 6 to 64 hex digits")
    return key


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    if arguments.action in _CORRECTIONS:
        return _CORRECTIONS[arguments.action](arguments)
    with open_shelf(config_of(arguments)) as shelf:
        return _ACTIONS[arguments.action](arguments, shelf)


def _stats(arguments: argparse.Namespace, shelf: Shelf) -> int:
    stats = dict(shelf.stats())
    if arguments.json:
        print_json(stats)
    else:
        print_fields(shelf_fields(stats))
    return 0


def _list(arguments: argparse.Namespace, shelf: Shelf) -> int:
    entries = [entry for entry, _ in zip(shelf.entries(), range(arguments.limit), strict=False)]
    if arguments.json:
        print_json([describe(entry) for entry in entries])
    now = time.time()
    for entry in () if arguments.json else entries:
        pinned = " pinned" if entry.pinned else ""
        print_text(f"{entry.key[:16]}  {duration(now - entry.created):>10} ago  {entry.host}  {entry.model}{pinned}")
    return 0


def _clear(arguments: argparse.Namespace) -> int:
    with open_corrections(config_of(arguments)) as corrections:
        removed = corrections.clear(
            model=arguments.model, host=arguments.host, older_than_s=arguments.older_than, key=arguments.key or ""
        )
    if arguments.json:
        print_json({"removed": removed})
    else:
        print(f"removed {removed}")
    return 0


def _show(arguments: argparse.Namespace, shelf: Shelf) -> int:
    entry = shelf.find(arguments.key)
    if entry is None:
        return _not_found(arguments.key)
    if arguments.body:
        sys.stdout.buffer.write(entry.recording.content)
    elif arguments.json:
        print_json({**describe(entry), "body": entry.recording.content.decode(errors="replace")})
    else:
        print_fields(describe(entry))
        text = entry.recording.content[:_SHOWN_BYTES].decode(errors="replace")
        more = "\n... (--body prints all)" if len(entry.recording.content) > _SHOWN_BYTES else ""
        print_text(f"\n{text}{more}")
    return 0


def _wrong(arguments: argparse.Namespace) -> int:
    with open_corrections(config_of(arguments)) as corrections:
        removed = corrections.wrong(arguments.key)
    if arguments.json:
        print_json({"removed": removed})
    elif removed:
        print(f"removed {', '.join(key[:16] for key in removed)}")
    return 0 if removed else _not_found(arguments.key)


def _pin(arguments: argparse.Namespace, shelf: Shelf) -> int:
    entry = shelf.pin(arguments.key, pinned=not arguments.unpin)
    if entry is None:
        return _not_found(arguments.key)
    if arguments.json:
        print_json(describe(entry))
    else:
        print(f"{'unpinned' if arguments.unpin else 'pinned'} {entry.key[:16]}")
    return 0


_ACTIONS = {"stats": _stats, "list": _list, "show": _show, "pin": _pin}
_CORRECTIONS = {"clear": _clear, "wrong": _wrong}
"""What also touches the evidence of the semantic layer."""


def _not_found(key: str) -> int:
    print(f"isartor: no answer is stored under {key}", file=sys.stderr)
    return 1


def describe(entry: Entry) -> dict[str, Any]:
    """What is known of a stored answer but the answer itself."""
    recording = entry.recording
    return {
        "key": entry.key,
        "host": entry.host,
        "model": entry.model,
        "client": entry.client,
        "wire": f"{recording.wire} {recording.operation}, {recording.mode}",
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.created)),
        "expires": "never (pinned)"
        if entry.pinned
        else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.expires)),
        "bytes": sum(map(len, recording.chunks)),
        "chunks": len(recording.chunks),
    }
