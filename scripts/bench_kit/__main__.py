"""How fast it is, as ratios within one run: hits by bare mitmproxy, misses by bare pass-through.

All on loopback, over TLS 1.3 through CONNECT, connections kept open unless the case says otherwise. Bare mitmproxy is
mitmdump with an addon that answers every request with a constant; bare pass-through is mitmdump with an addon that does
nothing but stream what the provider streams. The exit code is 1 when a limit is not kept.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench_kit import crowd, figures, machine, meaning, peers, report, rounds, startup, workers
from bench_kit.cases import CASES, EMBEDDER, INDEX, MEANING, NAMES, PEERS, STARTUP, STREAMS, WORKERS
from bench_kit.servers import Servers

FULL = rounds.Effort(rounds=5, seconds=2.0, warmup=0.3)
QUICK = rounds.Effort(rounds=2, seconds=0.3, warmup=0.15)


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for, print the table."""
    asked = _parser().parse_args(arguments)
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
    _measure(found, names)
    found.load1 = (found.load1[0], machine.load1())
    text = report.as_markdown(found)
    _write(asked.json, json.dumps(report.as_json(found), indent=1) + "\n")
    _write(asked.markdown, text)
    print(text, end="")
    return 0 if found.ok else 1


def _measure(found: report.Report, names: Sequence[str]) -> None:
    cases = [case for case in CASES if case.name in names]
    with tempfile.TemporaryDirectory(prefix="isartor-bench-") as name:
        folder = Path(name)
        with Servers(folder) as servers:
            for case in cases:
                _say(f"{case.name}: {case.what}")
                outcome = rounds.measure(case, servers, found.effort, folder)
                found.outcomes.append(outcome)
                _say(f"  {outcome.ratio:.2f} times {report.YARDSTICKS[case.yardstick]}")
            found.memory = {
                report.PROCESSES[target]: (server.rss_mb, machine.resident_mb(server.pid))
                for target, server in servers.started.items()
                if target in report.PROCESSES
            }
            if STREAMS in names:
                _say("streams: many at once")
                found.crowds = crowd.measure(servers, found.effort, folder)
            if MEANING in names:
                _say("semantic: hits in other words")
                found.figures += meaning.measure(servers, found.effort, folder)
            if WORKERS in names:
                _say("workers: exact hits by several workers")
                found.crews = workers.measure(servers, found.effort, folder)
                _say(f"  {found.crews[-1].workers} workers: {found.crews[-1].ratio:.2f} times one")
            if PEERS in names:
                _say("peers: LiteLLM and Portkey, installed into .peers when they are not there")
                found.peers = peers.measure(servers, found.effort, folder)
    if STARTUP in names:
        _say(STARTUP)
        found.startups = startup.measure(4 * found.effort.rounds)
    if EMBEDDER in names:
        _say("embedder: the model that is shipped")
        found.figures += figures.measure("embedding", 40 * found.effort.rounds, found.effort.seconds)
    if INDEX in names:
        _say("index: many questions in many scopes")
        scopes = 100 if found.effort.seconds < FULL.seconds else 1000
        found.figures += figures.measure("index", 100 * scopes, scopes)


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
    parser.add_argument("--only", action="append", choices=NAMES, help="this case; may be repeated", metavar="CASE")
    parser.add_argument("--workers", action="store_true", help=f"the same as --only {WORKERS}")
    parser.add_argument("--peers", action="store_true", help="also LiteLLM and Portkey, installed at need")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too, as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too (bench-results/...)")
    parser.epilog = f"cases: {', '.join(NAMES)}"
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
