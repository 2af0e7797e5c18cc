"""The benchmark: what it writes of numbers that are made up here, and that it runs. Never how fast anything is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench_kit import crowd, embedding, figures, mixed, report, rounds, rows, streams, traffic
from bench_kit.cases import CASES
from bench_kit.figures import Figure
from bench_kit.load import Plan, Result, requests
from bench_kit.soak import Soak
from bench_kit.startup import Startup
from bench_kit.workers import Crew
from tokenizers import Tokenizer

from isartor_addon.models import shipped
from isartor_addon.models.reading import Reader

SCRIPTS = Path(__file__).parents[1] / "scripts"
HIT = next(case for case in CASES if case.name == "hit-1k")
THINKING = next(case for case in CASES if case.thinking)
STREAM = next(case for case in CASES if case.name == "stream-1k")


def result(p50: float, *, first: float = 1.0, wrong: int = 0, cpu_us: float | None = 500.0) -> Result:
    """One measurement."""
    return Result(requests=100, wrong=wrong, rate=50.0, p50=p50, p90=2 * p50, first=first, cpu_us=cpu_us)


def hit(*pairs: tuple[float, float]) -> rounds.Outcome:
    """The hit case with these medians of ours and the yardstick's, round by round."""
    each = [{"hooks": result(ours), "constant": result(bare), "provider": result(0.5)} for ours, bare in pairs]
    return rounds.summary(HIT, each)


def a_report() -> report.Report:
    """A whole report."""
    return report.Report(
        command="scripts/bench --quick",
        started="2026-01-01T00:00:00+00:00",
        machine={"processor": "abacus, 2 cores", "commit": ""},
        effort=rounds.Effort(rounds=3, seconds=0.5, warmup=0.1),
        load1=(0.5, None),
        outcomes=[hit((1.2, 1.0), (2.6, 2.0), (1.1, 1.0))],
        startups=[Startup("isartor --help", 151.0, 10.0, 150.0)],
        memory={"ours": (70.0, 71.5)},
    )


def test_ratio_is_of_one_round() -> None:
    """A ratio compares what was measured in the same round; the median of them counts, not the ratio of medians."""
    outcome = hit((1.2, 1.0), (26.0, 20.0), (1.1, 1.0))
    assert (1.2, 1.3, 1.1) == outcome.ratios
    assert 1.2 == outcome.ratio
    assert 1.2 == outcome.results["hooks"].p50
    assert 300 == outcome.results["hooks"].requests


def test_first_byte_is_compared_where_the_case_says_so() -> None:
    """For a stream the first byte counts, not the end."""
    each = {"passed": result(30.0, first=2.3), "passing": result(10.0, first=2.0), "provider": result(1.0)}
    assert (1.15,) == rounds.summary(STREAM, [each]).ratios
    assert rounds.summary(STREAM, [each]).ok


def test_a_provider_that_thinks() -> None:
    """The request asks the provider to think, and only where the case says so."""
    assert b"reasoning_effort" in traffic.request_body(THINKING.size, stream=True, thinking=True)
    assert b"reasoning_effort" not in traffic.request_body(STREAM.size, stream=True)


@pytest.mark.parametrize(("ours", "ok"), [(1.25, True), (1.26, False)])
def test_limit(ours: float, ok: bool) -> None:
    """What is over the limit fails, and so does the whole report."""
    outcome = hit((ours, 1.0))
    assert ok == outcome.ok
    found = a_report()
    found.outcomes, found.startups = [outcome], ()
    assert ok == found.ok


def test_a_wrong_answer_fails() -> None:
    """A fast wrong answer is no result."""
    each = {"hooks": result(1.0, wrong=1), "constant": result(1.0), "provider": result(1.0)}
    outcome = rounds.summary(HIT, [each])
    assert not outcome.ok
    found = a_report()
    found.outcomes = [outcome]
    assert "FAIL: 1 wrong answers" in report.as_markdown(found)


def test_no_right_answer_at_all() -> None:
    """Where nothing was measured there is no ratio, and JSON says so."""
    found = a_report()
    found.outcomes = [hit((0.0, 1.0))]
    assert not found.ok
    assert "| inf (inf-inf) | 1.25 | FAIL |" in report.as_markdown(found)
    assert [None] == json.loads(json.dumps(report.as_json(found), allow_nan=False))["cases"][0]["ratios"]


def test_markdown() -> None:
    """The table says machine, load, ratios with their range, limits and verdicts; what nobody measured is a dash."""
    text = report.as_markdown(a_report())
    assert "# `scripts/bench --quick`, 2026-01-01T00:00:00+00:00" in text
    assert "processor abacus, 2 cores." in text
    assert "load of the machine 0.50 before and - after" in text
    assert (
        "| hit-1k: exact hit by hooks, 1 KB | bare mitmproxy | 1.20 (1.10-1.30) | 1.25 | pass |"
        " 1.20 | 1.00 | +0.20 | 0.50 |" in text
    )
    assert "| `isartor --help` | 151 | 10 | 150 | FAIL |" in text
    assert "| ours | 70.00 | 71.50 |" in text
    tables = [line.count("|") for line in text.splitlines() if line.startswith("| ")]
    assert [13] * 3 + [6] * 3 + [4] * 3 == tables


def test_workers() -> None:
    """Two workers must answer 1.7 times what one does, or would where they have no core each. Wrong answers fail."""
    crew = Crew(2, 1500.0, 1.5, 1.8, 300.0, 30.0, 0.95, (0.6, 0.4), wrong=0, rss_mb=200.0, limit=1.7, crowded=True)
    others = (replace(crew, crowded=False), replace(crew, by_cpu=1.6), replace(crew, wrong=1))
    assert [True, False, False, False] == [each.ok for each in (crew, *others)]
    found = a_report()
    found.crews = [crew]
    assert (
        "| 2 of `isartor up` | 1500 | 1.50 | 1.80 | 1.70 | pass | 300 / 30 | 95% | 60% 40% | 200 |"
        in report.as_markdown(found)
    )
    found.crews = [others[0]]
    assert "| 2 of `isartor up` | 1500 | 1.50 | 1.80 | 1.70 | FAIL |" in report.as_markdown(found)


def test_streams() -> None:
    """Of many streams at once: what an event costs, by bare mitmproxy's, and how much later than directly it comes."""
    found = a_report()
    found.startups = ()
    ours = streams.Result(streams=50, events=3001.4, p50=1.71, p99=2.8, cpu_us=72.6, cpu_share=0.22)
    direct = streams.Result(streams=50, events=3000.0, p50=0.1, p99=0.2, cpu_us=None, cpu_share=None)
    cheap = crowd.Crowd("ours", ours, 0.2449, (1.6, 2.6))
    found.crowds = [crowd.Crowd("provider", direct, None), cheap]
    text = report.as_markdown(found)
    assert "| 50 streams | nothing | 3000 | - | - | - | - | 0.10 / 0.20 | - | - |  |" in text
    assert "| 50 streams | ours | 3001 | 73 | 0.24 | 0.25 | 22% | 1.71 / 2.80 | 1.60 / 2.60 | - | pass |" in text
    assert [(None, True), (0.2449, True)] == [(each["ratio"], each["ok"]) for each in report.as_json(found)["streams"]]
    assert found.ok
    found.crowds = [replace(cheap, ratio=0.26)]
    assert not found.ok


@pytest.mark.parametrize(("streams_", "p99", "ok"), [(100, 5.0, True), (100, 5.1, False), (300, 5.1, True)])
def test_how_late_events_may_be(streams_: int, p99: float, ok: bool) -> None:
    """With a hundred streams 99 of 100 events come at most 5 ms later than directly; with more it is only said."""
    late = streams.Result(streams=streams_, events=6000.0, p50=1.7, p99=99.0, cpu_us=70.0, cpu_share=0.4)
    assert ok == crowd.Crowd("ours", late, None, (1.0, p99)).ok
    assert crowd.Crowd("passing", late, None, (1.0, p99)).ok


@pytest.mark.parametrize(
    ("soak", "ok", "said"),
    [
        (
            Soak(1_000_000, (70.0, 100.0, 120.0, 110.0), 655_000, 0, 1800.0),
            True,
            "120.00 | 110.00 | 1.10 | 1.10 | pass",
        ),
        (Soak(1_000_000, (70.0, 100.0, 111.0), 655_000, 0, 1800.0), False, "111.00 | 111.00 | 1.11 | 1.10 | FAIL"),
        (Soak(1_000_000, (70.0, 100.0, 100.0), 655_000, 3, 1800.0), False, "1.00 | 1.10 | FAIL: 3 wrong answers"),
        (Soak(4_000, (70.0, 100.0, 130.0), 2_500, 0, 20.0), True, "130.00 | 130.00 | 1.30 | - |  |"),
        (Soak(1_000_000, (), 655_000, 0, 1800.0), True, "| - | - | - | - | - |"),
    ],
    ids=["steady", "growing", "wrong", "short", "unknown"],
)
def test_soak(soak: Soak, ok: bool, said: str) -> None:
    """Memory at the end is at most 1.1 times that after the first part, unless that was too short to judge by."""
    found = a_report()
    found.startups, found.soak = (), soak
    assert ok == found.ok
    assert said in report.as_markdown(found)
    assert ok == json.loads(json.dumps(report.as_json(found)))["soak"]["ok"]


def test_mixed_requests() -> None:
    """Of 32 requests 21 are repeats, whose prompts come round; all others differ, and say how long they are."""
    asked = [mixed.request(number) for number in range(2 * len(mixed.KINDS) * mixed.PROMPTS)]
    repeats = {each.raw.partition(b"\r\n\r\n")[2] for each in asked if each.kind in mixed.HITS}
    others = [each.raw for each in asked if each.kind not in mixed.HITS]
    assert 2 * mixed.PROMPTS == len(repeats)
    assert 21 * len(asked) // 32 == len(asked) - len(others)
    assert len(others) == len(set(others))
    assert set(mixed.KINDS) == {each.kind for each in asked}
    assert {"429": 429, "500": 500} == {each.kind: each.status for each in asked if each.status != 200}
    for each in asked[: len(mixed.KINDS)]:
        head, _, body = each.raw.partition(b"\r\n\r\n")
        assert each.kind == "other" or b"content-length: %d" % len(body) in head
        assert each.kind == "other" or json.loads(body).get("stream", False) == (each.kind in mixed.STREAMED)


def test_a_row_that_fails_does_not_keep_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    """It is said why, the next row is measured, what there is is kept after each, and the whole has failed."""
    found = a_report()
    found.outcomes, found.startups = [], ()
    told: list[str] = []
    kept: list[int] = []

    def fails() -> None:
        raise RuntimeError("no server")

    def works() -> None:
        found.outcomes.append(hit((1.2, 1.0)))

    rows.measure(
        [("one", "first", fails), ("two", "second", works)],
        found,
        told.append,
        lambda: kept.append(len(found.outcomes)),
    )
    assert [0, 1] == kept
    assert ["one: first", "  one, why RuntimeError: no server", "two: second"] == told[:3]
    assert told[3].startswith("  hit-1k: exact hit by hooks, 1 KB, compared with bare mitmproxy, ratio (from-to) 1.20")
    assert "| one | RuntimeError: no server |" in report.as_markdown(found)
    assert ({"one": "RuntimeError: no server"}, {"one", "two"}) == (found.faults, set(found.seconds))
    assert not found.ok
    assert "Traceback" in capsys.readouterr().err


def test_figures() -> None:
    """A number that stands for itself is judged by its limit, where it has one; the whole report fails with it."""
    found = a_report()
    found.startups = ()
    found.figures = [Figure("8 tokens, p50", 1.234, "ms"), Figure("look, p50", 0.29, "ms", 0.3)]
    assert found.ok
    assert "| 8 tokens, p50 | 1.23 ms | - |  |" in report.as_markdown(found)
    assert "| look, p50 | 0.29 ms | 0.3 ms | pass |" in report.as_markdown(found)
    found.figures.append(Figure("look, p50", 0.31, "ms", 0.3))
    assert not found.ok
    assert "| look, p50 | 0.31 ms | 0.3 ms | FAIL |" in report.as_markdown(found)
    assert [True, True, False] == [each["ok"] for each in report.as_json(found)["figures"]]


def test_texts_for_the_embedder_have_their_length() -> None:
    """A text of 32 tokens is read as 32, so that its figure is what it says."""
    tokenizer = Tokenizer.from_file(str(shipped.FOLDER / shipped.TOKENIZER))
    windows = {length: Reader(tokenizer).windows(embedding.text(length)) for length in embedding.LENGTHS}
    assert {length: [length] for length in embedding.LENGTHS} == {
        length: list(map(len, each)) for length, each in windows.items()
    }


def test_json() -> None:
    """The same as data, which JSON can hold."""
    data = json.loads(json.dumps(report.as_json(a_report())))
    (case,) = data["cases"]
    assert ("hit-1k", [1.2, 1.3, 1.1], 1.2, True) == (case["name"], case["ratios"], case["ratio"], case["ok"])
    assert 1.2 == case["results"]["hooks"]["p50"]
    assert not data["ok"]
    assert [0.5, None] == data["load1"]
    assert {"ours": [70.0, 71.5]} == data["memory_mb"]


@pytest.mark.parametrize("size", [traffic.SMALL, traffic.LARGE])
def test_request_bodies(size: int) -> None:
    """The bodies have their size, within 3 %; the large one has an agent's messages and tools; both can be made new."""
    body = traffic.request_body(size)
    assert abs(len(body) - size) < 0.03 * size
    assert 1 == body.count(traffic.NONCE.encode())
    asked = json.loads(body)
    assert ((88, 10) if size == traffic.LARGE else (2, 0)) == (len(asked["messages"]), len(asked.get("tools", ())))


@pytest.mark.parametrize("varies", ["", "header", "body"])
def test_what_varies(tmp_path: Path, varies: str) -> None:
    """Requests that ask the same differ where the plan says so, and there only."""
    file = tmp_path / "body.json"
    file.write_bytes(traffic.request_body(traffic.SMALL, traced=varies == "body"))
    give = requests(Plan(1, "", str(file), varies=varies))
    (head, body), (other_head, other_body) = (give().split(b"\r\n\r\n") for _ in range(2))
    assert (varies == "header") == (head != other_head)
    assert (varies == "body") == (body != other_body)
    asked, other = ({**json.loads(each), "trace_id": ""} for each in (body, other_body))
    assert asked == other


def test_own_work() -> None:
    """The lane answers by itself whatever comes again, at both sizes; of one figure it is known what it may be."""
    found = figures.measure("own", 3)
    assert 6 == len({figure.what for figure in found if figure.unit == "us" and figure.value > 0})
    assert [20.0] == [figure.limit for figure in found if figure.limit is not None]


def test_it_runs(tmp_path: Path) -> None:
    """A quick run of one case gives right answers, a table and JSON; the exit code only says what was fast enough."""
    file = tmp_path / "results" / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench_kit", "--quick", "--rounds=1", "--only=hit-1k", f"--json={file}"],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "| hit-1k: exact hit by hooks, 1 KB | bare mitmproxy |" in done.stdout
    (case,) = json.loads(file.read_text())["cases"]
    assert {"hooks", "constant", "provider"} == case["results"].keys()
    assert [0] * 3 == [each["wrong"] for each in case["results"].values()], case
    assert all(each["requests"] for each in case["results"].values())
