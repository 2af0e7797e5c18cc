"""Say what the semantic layer has done: hits, checks and what they showed, the nearest misses.

Questions are shown by their keys; --words shows what they say.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from isartor_addon.assemble import open_shelf
from isartor_addon.cli.printing import print_fields, print_json, print_text
from isartor_addon.cli.settings import add_settings, config_of
from isartor_addon.config.places import places
from isartor_addon.config.schema import Config
from isartor_addon.layers.ports import Shelf
from isartor_addon.layers.semantic.evidence import upper_bound
from isartor_addon.semantics import open_evidence
from isartor_addon.store.evidence import Report

_SHOWN_CHARACTERS = 200


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action and its flags."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    report = actions.add_parser("report", help="all of it")
    report.add_argument("--limit", type=int, default=10, metavar="N", help="how long lists are (default: 10)")
    report.add_argument("--words", dest="with_words", action="store_true", help="show what was asked")
    add_settings(report)
    report.add_argument("--json", action="store_true", help="print for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    config = config_of(arguments)
    document = _document(_report(config, arguments.limit), config)
    if arguments.with_words:
        with open_shelf(config) as shelf:
            _add_words(document, shelf)
    else:
        del document["taught"]
    if arguments.json:
        print_json(document)
    else:
        _print(document)
    return 0


def _report(config: Config, limit: int) -> Report:
    if not (places(config).semantic / "evidence.db").exists():
        return Report(0, 0, 0, (), (), ())
    with closing(open_evidence(config)) as evidence:
        return evidence.report(limit)


def _document(report: Report, config: Config) -> dict[str, Any]:
    return {
        "hits": report.hits,
        "checks": report.checks,
        "wrong": report.wrong,
        "bound": round(upper_bound(report.wrong, report.checks), 4),
        "accepted": config.semantic.max_error_rate,
        "differed": [
            {"key": key, "similarity": round(similarity, 3), "in": why} for key, similarity, why in report.differed
        ],
        "near misses": [
            {"key": miss.asked, "near": miss.key, "similarity": round(miss.similarity, 3), "rule": miss.rule}
            for miss in report.misses
        ],
        "taught": [
            {"words": [one, other], "similarity": round(similarity, 3)} for one, other, similarity in report.taught
        ],
    }


def _add_words(document: dict[str, Any], shelf: Shelf) -> None:
    """What the questions say, as far as they are stored."""
    for each in (*document["differed"], *document["near misses"]):
        entries = [shelf.find(each[name]) for name in ("key", "near") if name in each]
        each["words"] = [entry.words if entry is not None else "" for entry in entries]


def _print(document: dict[str, Any]) -> None:
    bound = f"fewer than {document['bound']:.1%} with 95 % confidence" if document["checks"] else "not checked yet"
    print_fields(
        {
            "hits": document["hits"],
            "checks": f"{document['checks']}, of which {document['wrong']} differed",
            "wrong hits": f"{bound} (accepted: {document['accepted']:.1%})",
        }
    )
    for each in document["differed"]:
        print_text(f"differed   {each['similarity']:.3f}  {each['key'][:16]}  {each['in']}{_words(each)}")
    for each in document["near misses"]:
        keys = f"{each['key'][:16]} and {each['near'][:16]}"
        print_text(f"near miss  {each['similarity']:.3f}  {keys}  {each['rule']}{_words(each)}")
    for each in document.get("taught", ()):
        print_text(f"no match   {each['similarity']:.3f}{_words(each)}")


def _words(each: dict[str, Any]) -> str:
    lines = (text[:_SHOWN_CHARACTERS] for text in each.get("words", ()) if text)
    return "".join(f"\n    {' '.join(line.split())}" for line in lines)
