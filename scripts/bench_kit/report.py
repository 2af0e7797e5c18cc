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
from bench_kit.soak import Soak
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
    soak: Soak | None = None
    memory: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """Process to its memory after its start and at the end, MiB."""
    faults: dict[str, str] = field(default_factory=dict)
    """Row to why it could not be measured."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Row to how long measuring it took."""

    @property
    def ok(self) -> bool:
        """Whether everything could be measured and is as it should be."""
        parts = (self.outcomes, self.startups, self.crews, self.crowds, self.figures)
        quick = all(each.ok for part in parts for each in part)
        return quick and not self.faults and (self.soak is None or self.soak.ok)


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
        "streams": [{**asdict(crowd), "ok": crowd.ok} for crowd in report.crowds],
        "figures": [{**asdict(figure), "ok": figure.ok} for figure in report.figures],
        "peers": [asdict(peer) for peer in report.peers],
        "soak": report.soak and {**asdict(report.soak), "ratio": report.soak.ratio, "ok": report.soak.ok},
        "memory_mb": {name: list(sizes) for name, sizes in report.memory.items()},
        "faults": report.faults,
        "seconds": report.seconds,
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
    for columns, rows in _tables(report):
        if rows:
            yield from ("", *_table(columns, rows))
    if report.memory:
        rows = [(name, _number(begin), _number(end)) for name, (begin, end) in report.memory.items()]
        yield from ("", *_table(("memory (RSS)", "at start, MiB", "at end, MiB"), rows))


def said(report: Report) -> Iterator[str]:
    """What has come of the rows so far, a line for each."""
    for columns, rows in _tables(report):
        for first, *others in rows:
            cells = zip(columns[1:], others, strict=True)
            yield ", ".join((first, *(f"{column} {cell}".strip() for column, cell in cells if cell not in ("", "-"))))


def _tables(report: Report) -> Iterator[tuple[Sequence[str], list[tuple[str, ...]]]]:
    yield _COLUMNS, [*map(_row, report.outcomes)]
    yield ("start", "ms", "bare Python ms", "limit", ""), [*map(_startup_row, report.startups)]
    yield _CREW_COLUMNS, [*map(_crew_row, report.crews)]
    yield _CROWD_COLUMNS, [*map(_crowd_row, report.crowds)]
    yield ("figure", "value", "limit", ""), [*map(_figure_row, report.figures)]
    yield _PEER_COLUMNS, [*map(_peer_row, report.peers)]
    yield _SOAK_COLUMNS, [_soak_row(report.soak)] if report.soak is not None else []
    yield ("not measured", "why"), [*report.faults.items()]


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
    "with a core each",
    "limit",
    "",
    "CPU: ours / load us",
    "awake",
    "shares of CPU",
    "RSS MiB",
)


def _crew_row(crew: Crew) -> tuple[str, ...]:
    limit = "-" if crew.limit is None else f"{crew.limit:.2f}"
    verdict = f"FAIL: {crew.wrong} wrong answers" if crew.wrong else "" if crew.limit is None else _passed(crew.ok)
    return (
        f"{crew.workers} of `isartor up`",
        f"{crew.rate:.0f}",
        f"{crew.ratio:.2f}",
        _number(crew.by_cpu),
        limit,
        verdict,
        f"{_number(crew.cpu_us, digits=0)} / {crew.load_us:.0f}",
        "-" if crew.awake is None else f"{crew.awake:.0%}",
        " ".join(f"{share:.0%}" for share in crew.shares),
        _number(crew.rss_mb, digits=0),
    )


_CROWD_COLUMNS = (
    "streams",
    "through",
    "events per s",
    "CPU for an event, us",
    "by bare",
    "limit",
    "core",
    "late ms: p50 / p99",
    "later than direct ms: p50 / p99",
    "limit",
    "",
)


def _crowd_row(crowd: Crowd) -> tuple[str, ...]:
    result, later = crowd.result, crowd.later
    return (
        f"{result.streams} streams",
        {"provider": "nothing", **PROCESSES}[crowd.target],
        f"{result.events:.0f}",
        _number(result.cpu_us, digits=0),
        _number(crowd.ratio),
        _number(crowd.limit),
        "-" if result.cpu_share is None else f"{result.cpu_share:.0%}",
        f"{result.p50:.2f} / {result.p99:.2f}",
        "-" if later is None else f"{later[0]:.2f} / {later[1]:.2f}",
        _number(crowd.later_limit),
        _passed(crowd.ok) if crowd.limit is not None or crowd.later_limit is not None else "",
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


_SOAK_COLUMNS = (
    "soak",
    "hits",
    "at start, MiB",
    "after the first part",
    "most",
    "after the last",
    "ratio",
    "limit",
    "",
    "minutes",
)


def _soak_row(soak: Soak) -> tuple[str, ...]:
    looks = soak.looks or (None, None)
    return (
        f"RSS after {soak.requests} requests of every kind, by that after {soak.first}",
        str(soak.hits),
        *map(_number, (looks[0], looks[1], max(soak.looks, default=None), looks[-1], soak.ratio)),
        _number(soak.limit),
        f"FAIL: {soak.wrong} wrong answers" if soak.wrong else "" if soak.limit is None else _passed(soak.ok),
        f"{soak.seconds / 60:.0f}",
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
