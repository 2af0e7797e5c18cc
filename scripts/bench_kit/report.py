"""The results, as JSON and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench_kit.cases import Target
from bench_kit.crowd import Crowd
from bench_kit.figures import Figure
from bench_kit.load import Result
from bench_kit.peers import Peer
from bench_kit.rounds import Effort, Outcome
from bench_kit.startup import Startup
from bench_kit.workers import Crew

YARDSTICKS: Mapping[Target, str] = {
    "constant": "bare mitmproxy",
    "passing": "bare pass-through",
    "plain": "ours without the semantic layer",
    "passed": "ours, passed on",
}
PROCESSES: Mapping[Target, str] = {
    **YARDSTICKS,
    "ours": "ours",
    "hooks": "ours without the fast lane",
    "relay": "ours with a chain",
}


@dataclass(slots=True)
class Report:
    """Everything that one run found out."""

    command: str
    """What repeats it."""
    started: str
    """When, ISO 8601."""
    machine: Mapping[str, str]
    effort: Effort
    load1: tuple[float | None, float | None]
    """Of the machine, before and after."""
    outcomes: list[Outcome] = field(default_factory=list)
    startups: Sequence[Startup] = ()
    crews: Sequence[Crew] = ()
    crowds: Sequence[Crowd] = ()
    figures: list[Figure] = field(default_factory=list)
    peers: Sequence[Peer] = ()
    memory: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """Process to its memory after its start and at the end, MiB."""

    @property
    def ok(self) -> bool:
        """Whether everything is fast enough."""
        return all(each.ok for each in (*self.outcomes, *self.startups, *self.crews, *self.figures))


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "command": report.command,
        "started": report.started,
        "machine": dict(report.machine),
        "effort": asdict(report.effort),
        "load1": list(report.load1),
        "ok": report.ok,
        "cases": [_case(outcome) for outcome in report.outcomes],
        "startup": [{**asdict(startup), "ok": startup.ok} for startup in report.startups],
        "workers": [{**asdict(crew), "ok": crew.ok} for crew in report.crews],
        "streams": [asdict(crowd) for crowd in report.crowds],
        "figures": [{**asdict(figure), "ok": figure.ok} for figure in report.figures],
        "peers": [asdict(peer) for peer in report.peers],
        "memory_mb": {name: list(sizes) for name, sizes in report.memory.items()},
    }


def _case(outcome: Outcome) -> dict[str, Any]:
    return {
        **asdict(outcome.case),
        "ratio": _finite(outcome.ratio),
        "ratios": [_finite(ratio) for ratio in outcome.ratios],
        "more_than_ms": list(outcome.mores),
        "ok": outcome.ok,
        "results": {target: asdict(result) for target, result in outcome.results.items()},
    }


def _finite(ratio: float) -> float | None:
    """JSON has no infinity; it stands where no answer was right."""
    return ratio if math.isfinite(ratio) else None


def as_markdown(report: Report) -> str:
    """The report for people."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    effort = report.effort
    yield f"# `{report.command}`, {report.started}"
    yield ""
    yield ", ".join(f"{name} {value}" for name, value in report.machine.items() if value) + "."
    yield (
        f"Medians of {effort.rounds} rounds of {effort.seconds:g} s; load of the machine {_number(report.load1[0])} "
        f"before and {_number(report.load1[1])} after."
    )
    if report.outcomes:
        yield from ("", *_table(_COLUMNS, map(_row, report.outcomes)))
    if report.startups:
        yield from ("", *_table(("start", "ms", "bare Python ms", "limit", ""), map(_startup_row, report.startups)))
    if report.crews:
        yield from ("", *_table(_CREW_COLUMNS, map(_crew_row, report.crews)))
    if report.crowds:
        yield from ("", *_table(_CROWD_COLUMNS, map(_crowd_row, report.crowds)))
    if report.figures:
        yield from ("", *_table(("figure", "value", "limit", ""), map(_figure_row, report.figures)))
    if report.peers:
        yield from ("", *_table(_PEER_COLUMNS, map(_peer_row, report.peers)))
    if report.memory:
        rows = ((name, _number(begin), _number(end)) for name, (begin, end) in report.memory.items())
        yield from ("", *_table(("memory (RSS)", "at start, MiB", "at end, MiB"), rows))


_COLUMNS = (
    "case",
    "compared with",
    "ratio (from-to)",
    "limit",
    "",
    "ours ms",
    "bare ms",
    "difference ms",
    "provider ms",
    "whole: ours / bare ms",
    "CPU: ours / bare us",
    "ours / bare per s",
)


def _row(outcome: Outcome) -> tuple[str, ...]:
    case, results = outcome.case, outcome.results
    ours, bare = results[case.subject], results[case.yardstick]

    def measured(result: Result) -> str:
        return f"{getattr(result, case.measure):.2f}"

    return (
        f"{case.name}: {case.what}",
        YARDSTICKS[case.yardstick],
        f"{outcome.ratio:.2f} ({min(outcome.ratios):.2f}-{max(outcome.ratios):.2f})",
        _number(case.limit) if case.more_ms is None else f"+{case.more_ms:g} ms",
        _verdict(outcome),
        measured(ours),
        measured(bare),
        f"{getattr(ours, case.measure) - getattr(bare, case.measure):+.2f}",
        measured(results["provider"]),
        f"{ours.p50:.2f} / {bare.p50:.2f}",
        f"{_number(ours.cpu_us, digits=0)} / {_number(bare.cpu_us, digits=0)}",
        f"{ours.rate:.0f} / {bare.rate:.0f}",
    )


def _verdict(outcome: Outcome) -> str:
    if outcome.wrong:
        return f"FAIL: {outcome.wrong} wrong answers"
    return "" if outcome.case.limit is None and outcome.case.more_ms is None else "pass" if outcome.ok else "FAIL"


def _startup_row(startup: Startup) -> tuple[str, ...]:
    verdict = "pass" if startup.ok else "FAIL"
    return (f"`{startup.name}`", f"{startup.ms:.0f}", f"{startup.bare_ms:.0f}", f"{startup.limit_ms:.0f}", verdict)


_CREW_COLUMNS = (
    "workers",
    "hits per s",
    "times one",
    "by CPU time",
    "limit",
    "",
    "CPU: ours / load us",
    "shares of CPU",
    "RSS MiB",
)


def _crew_row(crew: Crew) -> tuple[str, ...]:
    limit = "-" if crew.limit is None else f"{crew.limit:.2f}"
    verdict = f"FAIL: {crew.wrong} wrong answers" if crew.wrong else "" if crew.limit is None else _passed(crew.ok)
    return (
        str(crew.workers),
        f"{crew.rate:.0f}",
        f"{crew.ratio:.2f}",
        _number(crew.by_cpu),
        limit,
        verdict,
        f"{_number(crew.cpu_us, digits=0)} / {crew.load_us:.0f}",
        " ".join(f"{share:.0%}" for share in crew.shares),
        _number(crew.rss_mb, digits=0),
    )


_CROWD_COLUMNS = ("streams", "through", "events per s", "CPU for an event, us", "by bare", "core", "late ms: p50 / p99")


def _crowd_row(crowd: Crowd) -> tuple[str, ...]:
    result = crowd.result
    return (
        str(result.streams),
        {"provider": "nothing", **PROCESSES}[crowd.target],
        f"{result.events:.0f}",
        _number(result.cpu_us, digits=0),
        _number(crowd.ratio),
        "-" if result.cpu_share is None else f"{result.cpu_share:.0%}",
        f"{result.p50:.2f} / {result.p99:.2f}",
    )


def _figure_row(figure: Figure) -> tuple[str, ...]:
    verdict = "" if figure.limit is None else _passed(figure.ok)
    limit = "-" if figure.limit is None else f"{figure.limit:g} {figure.unit}"
    return (figure.what, f"{figure.value:.2f} {figure.unit}", limit, verdict)


_PEER_COLUMNS = ("1 KB", "connections", "p50 ms", "p90 ms", "per s", "CPU us", "RSS MiB", "wrong answers")


def _peer_row(peer: Peer) -> tuple[str, ...]:
    result = peer.result
    return (
        peer.name,
        str(peer.connections),
        f"{result.p50:.2f}",
        f"{result.p90:.2f}",
        f"{result.rate:.0f}",
        _number(result.cpu_us, digits=0),
        _number(peer.rss_mb, digits=0),
        str(result.wrong),
    )


def _passed(ok: bool) -> str:
    return "pass" if ok else "FAIL"


def _number(value: float | None, *, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _cells(columns)
    yield _cells(["---"] * len(columns))
    yield from map(_cells, rows)


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
