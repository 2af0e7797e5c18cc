"""How fast it is, as ratios within one run: hits by bare mitmproxy, misses by bare pass-through.

All on loopback, over TLS 1.3 through CONNECT, connections kept open unless the case says otherwise. Bare mitmproxy is
mitmdump with an addon that answers every request with a constant; bare pass-through is mitmdump with an addon that does
nothing but stream what the provider streams. What has been measured is written after each row; a row that fails is
said, and the others are measured all the same. The exit code is 1 when a limit is not kept or a row failed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench_kit import machine, report, rounds, rows, soak
from bench_kit.cases import NAMES, PEERS, SOAK, WORKERS

FULL = rounds.Effort(rounds=5, seconds=2.0, warmup=0.3)
QUICK = rounds.Effort(rounds=2, seconds=0.3, warmup=0.15)


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for, print the table."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended, too
    effort = QUICK if asked.quick else FULL
    if asked.rounds:
        effort = rounds.Effort(asked.rounds, effort.seconds, effort.warmup)
    found = report.Report(
        command=shlex.join(["scripts/bench", *arguments]),
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        machine=machine.describe(),
        effort=effort,
        load1=(machine.load1(), None),
    )
    only = [*(asked.only or ()), *([WORKERS] if asked.workers else ())]
    names = [*(only or NAMES), *([PEERS] if asked.peers else ())]
    requests = asked.requests or (soak.QUICK if asked.quick else soak.REQUESTS)
    with (
        tempfile.TemporaryDirectory(prefix="isartor-bench-") as folder,
        rows.Rows(found, Path(folder), _say, quick=asked.quick, requests=requests) as measured,
    ):
        rows.measure(measured.named(names), found, _say, lambda: _keep(found, asked))
    print(report.as_markdown(found), end="")
    return 0 if found.ok else 1


def _keep(found: report.Report, asked: argparse.Namespace) -> None:
    found.load1 = (found.load1[0], machine.load1())
    _write(asked.json, json.dumps(report.as_json(found), indent=1) + "\n")
    _write(asked.markdown, report.as_markdown(found))


def _say(progress: str) -> None:
    print(f"bench: {progress}", file=sys.stderr, flush=True)


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a short, rough run (less than 40 s)")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"instead of {FULL.rounds} ({QUICK.rounds} with --quick)"
    )
    parser.add_argument(
        "--only", action="append", choices=(*NAMES, SOAK), help="this row; may be repeated", metavar="ROW"
    )
    parser.add_argument("--workers", action="store_true", help=f"the same as --only {WORKERS}")
    parser.add_argument("--peers", action="store_true", help="also LiteLLM and Portkey, installed at need")
    parser.add_argument(
        "--requests", type=int, metavar="N", help=f"of {SOAK}, instead of {soak.REQUESTS} ({soak.QUICK} with --quick)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too, as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too (bench-results/...)")
    parser.epilog = (
        f"rows: {', '.join(NAMES)}; and {SOAK}, only where it is asked for by --only: a million requests take"
        " about half an hour on an idle machine."
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
