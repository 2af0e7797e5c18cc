"""Say what was asked, how much of it was answered from here, what it cost and what that saved.

Costs are list prices (or your own, `[prices."MODEL"]`) of the tokens that providers counted; `~` marks estimates. What
a hit saved is what the provider counted when it gave the reply that was replayed. Unpriced: no price is known for the
model; uncounted: the provider did not say. Unanswered: calls along a chain that came to nothing, or were ended because
another provider had begun to answer; they are among the calls, and so is what they cost.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from isartor_addon.assemble import open_ledger
from isartor_addon.cli.printing import print_fields, print_json, print_table
from isartor_addon.cli.settings import add_settings, config_of
from isartor_addon.observe.spending import by_model, by_tool, totals


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_settings(parser)
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--hours", type=_hours, metavar="N", help="of the last N hours")
    when.add_argument("--since", type=_moment, metavar="TIME", help="since then: 2026-11-24, 2026-11-24T08:30 (UTC)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--usage", action="store_true", help="by day, provider and model")
    how.add_argument("--by-tool", action="store_true", help="by coding tool")
    parser.add_argument("--json", action="store_true", help="print for programs")


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 < hours < 1e6:
        raise argparse.ArgumentTypeError(f"`{text}` is no number of hours")
    return hours


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is no time: write 2026-11-24 or 2026-11-24T08:30") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    since = time.time() - arguments.hours * 3600 if arguments.hours else arguments.since or 0.0
    with open_ledger(config_of(arguments)) as ledger:
        entries = ledger.spent(since)
    document: Any = totals(entries, since)
    if arguments.usage or arguments.by_tool:
        document = by_model(entries) if arguments.usage else by_tool(entries)
    if arguments.json:
        print_json(document)
    elif arguments.usage:
        _print_table([_row(each, "day", "provider", "model") for each in document])
    elif arguments.by_tool:
        _print_table([_row(each, "tool") for each in document])
    else:
        _print_totals(document)
    return 0


def _print_totals(document: dict[str, Any]) -> None:
    deflected, calls, unanswered = document["deflected"], document["calls"], document["unanswered"]
    served = deflected["requests"] + calls["requests"] - unanswered["requests"]
    share = f" ({100 * deflected['requests'] / served:.0f} %)" if served else ""
    lost = [f"{document[name]} {name}" for name in ("refused", "failed") if document[name]]
    fields = {
        "requests": f"{document['requests']}" + (f" ({', '.join(lost)})" if lost else ""),
        "answered here": f"{deflected['requests']}{share}, saved {money(deflected)}",
        "provider calls": f"{calls['requests']}, cost {money(calls)}",
    }
    if unanswered["requests"]:
        fields["  unanswered"] = f"{unanswered['requests']} calls, {_tokens(unanswered)}, {money(unanswered)}"
    for name, layer in document["layers"].items():
        fields[f"  {name}"] = f"{layer['requests']} requests, {_tokens(layer)}, {money(layer)}"
    print_fields(fields)


def money(group: dict[str, Any]) -> str:
    """Dollars for people: `~` where some are an estimate, and how many requests have none."""
    amount = f"{'~' if group['usd_estimated'] else ''}{group['usd']:.4f} USD"
    missing = [f"{group[name]} {name}" for name in ("unpriced", "uncounted") if group[name]]
    return f"{amount} ({', '.join(missing)})" if missing else amount


def _tokens(group: dict[str, Any]) -> str:
    tokens = group["tokens"]
    read = tokens["input"] + tokens["cache_read"] + tokens["cache_write"]
    return f"{read} tokens in ({tokens['cache_read']} from the provider's cache), {tokens['output']} out"


def _row(each: dict[str, Any], *names: str) -> dict[str, object]:
    calls, deflected = each["calls"], each["deflected"]
    return {
        **{name: each[name] for name in names},
        "calls": calls["requests"],
        "unanswered": each["unanswered"]["requests"],
        "cost": money(calls),
        "answered here": deflected["requests"],
        "saved": money(deflected),
    }


def _print_table(rows: Sequence[dict[str, object]]) -> None:
    if not rows:
        print("nothing yet")
        return
    print_table([list(rows[0]), *(list(row.values()) for row in rows)])
