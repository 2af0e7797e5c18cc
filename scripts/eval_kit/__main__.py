"""How often the semantic layer hits, and how often it is wrong, on labelled pairs or a stream of prompts.

Rows of pairs are JSON, one a line: {"a", "b", "label", "source"[, "category"]}; label 1 says that the answer to `a` may
serve `b`. Without files the pairs that the project ships are taken. What is measured is the layer as it is shipped: its
embedder, what it embeds of a text, the profile's threshold, and its guard.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from eval_kit import pairs, plot, report, stream
from eval_kit.measure import judge_all
from isartor_addon.layers.semantic.judge import THRESHOLDS
from isartor_addon.models.onnx_embedder import OnnxEmbedder


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for, print it."""
    asked = _parser().parse_args(arguments)
    files = asked.files or pairs.shipped()
    try:
        rows = pairs.read(files, asked.half)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if not rows:
        print("no pairs", file=sys.stderr)
        return 2
    if asked.stream:
        return asyncio.run(_stream(asked, rows))
    return asyncio.run(_pairs(asked, rows))


async def _pairs(asked: argparse.Namespace, rows: Sequence[pairs.Pair]) -> int:
    embedder = OnnxEmbedder()
    try:
        judged = await judge_all(rows, asked.profile, embedder)
    finally:
        embedder.close()
    found = report.Report(asked.profile, asked.threshold or THRESHOLDS[asked.profile], judged)
    if asked.plot:
        plot.draw(found, asked.plot)
    print(json.dumps(report.as_json(found), indent=1) if asked.json else report.as_table(found), end="")
    return 0


async def _stream(asked: argparse.Namespace, labels: Sequence[pairs.Pair]) -> int:
    embedder = OnnxEmbedder()
    try:
        done = await stream.replay(pairs.prompts(asked.stream), labels, asked.profile, asked.threshold, embedder)
    finally:
        embedder.close()
    print(json.dumps(report.replay_json(done), indent=1) if asked.json else report.replay_table(done))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/eval_semantic", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help="labelled pairs; none: those that are shipped")
    parser.add_argument("--half", choices=("dev", "test"), default="", help="only the pairs of this half")
    parser.add_argument("--profile", choices=sorted(THRESHOLDS), default="chat", help="how strict (%(default)s)")
    parser.add_argument("--threshold", type=float, help="in place of the profile's own")
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the rates over the threshold into a PNG file")
    parser.add_argument("--stream", type=Path, metavar="FILE", help="replay these prompts; the pairs are their labels")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
