"""What was measured, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_kit.measure import AtThreshold, Judged, Rate, Rates, by_category, by_threshold, rates, without_each
from eval_kit.stream import Replay
from isartor_addon.layers.semantic.guard import Profile


@dataclass(frozen=True, slots=True)
class Report:
    """One run over labelled pairs."""

    profile: Profile
    threshold: float
    judged: Sequence[Judged]

    @property
    def shipped(self) -> Rates:
        """The layer as it is, in this profile."""
        return rates(self.judged, lambda each: each.hits(self.threshold))

    @property
    def rows(self) -> Sequence[AtThreshold]:
        return by_threshold(self.judged, self.threshold)

    @property
    def false_hits(self) -> Sequence[Judged]:
        return [each for each in self.judged if not each.pair.same and each.hits(self.threshold)]


def as_json(report: Report) -> dict[str, Any]:
    """The whole report; `default` is the layer as shipped."""
    unembedded = sum(each.similarity < -0.999 for each in report.judged)
    return {
        "default": {
            **_rates_json(report.shipped),
            "pairs": len(report.judged),
            "profile": report.profile,
            "threshold": report.threshold,
            "not_embedded": unembedded,
        },
        "thresholds": [
            {
                "threshold": row.threshold,
                **_rates_json(row.guarded),
                "without_guard": _rates_json(row.embedded),
                "texts_as_they_are": _rates_json(row.raw),
            }
            for row in report.rows
        ],
        "without_rule": {
            rule: _rates_json(found) for rule, found in without_each(report.judged, report.threshold).items()
        },
        "categories": {
            name: _rates_json(found) for name, found in by_category(report.judged, report.threshold).items()
        },
        "false_hits": [
            {"a": each.pair.a, "b": each.pair.b, "similarity": round(each.similarity, 4)} for each in report.false_hits
        ],
    }


def _rates_json(found: Rates) -> dict[str, Any]:
    return {
        "true_hit_rate": round(found.right.share, 6),
        "true_hit_interval": [round(end, 6) for end in found.right.interval],
        "true_hits": found.right.hits,
        "positives": found.right.of,
        "false_hit_rate": round(found.wrong.share, 6),
        "false_hit_interval": [round(end, 6) for end in found.wrong.interval],
        "false_hits": found.wrong.hits,
        "negatives": found.wrong.of,
    }


def as_table(report: Report) -> str:
    """The report as people read it."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    found = report.shipped
    yield f"{len(report.judged)} pairs, profile {report.profile} at {report.threshold:.2f}, as shipped:"
    yield f"paraphrases that hit {_said(found.right)}, others that hit {_said(found.wrong)}"
    yield ""
    yield "| cosine at least | texts as they are: right / wrong | as embedded | with the guard |"
    yield "|---|---|---|---|"
    for row in report.rows:
        yield f"| {row.threshold:.2f} | {_both(row.raw)} | {_both(row.embedded)} | {_both(row.guarded)} |"
    yield ""
    yield "| without the rule | right | wrong |"
    yield "|---|---|---|"
    for rule, rule_rates in without_each(report.judged, report.threshold).items():
        if rule_rates != found:
            yield f"| {rule} | {_said(rule_rates.right)} | {_said(rule_rates.wrong)} |"
    categories = by_category(report.judged, report.threshold)
    if categories:
        yield from _category_lines(categories)
    for each in report.false_hits:
        yield f"wrong hit {each.similarity:.3f}: {each.pair.a} | {each.pair.b}"


def _category_lines(categories: Mapping[str, Rates]) -> Iterator[str]:
    yield ""
    yield "| category | right | wrong |"
    yield "|---|---|---|"
    for name, found in categories.items():
        yield f"| {name} | {_count(found.right)} | {_count(found.wrong)} |"
    yield ""


def _count(rate: Rate) -> str:
    return f"{rate.hits} of {rate.of}" if rate.of else ""


def _said(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.hits} of {rate.of} = {rate.share:.1%} ({low:.1%} to {high:.1%})"


def _both(found: Rates) -> str:
    return f"{found.right.share:.1%} / {found.wrong.share:.1%}"


def replay_json(done: Replay) -> dict[str, Any]:
    """A replayed stream."""
    return {
        "prompts": done.prompts,
        "exact": done.exact,
        "semantic": len(done.hits),
        "right": done.right,
        "wrong": done.wrong,
        "unlabelled": done.unlabelled,
        "deflection": round(done.deflection, 6),
        "hits": [{"stored": stored, "asked": asked, "verdict": verdict} for stored, asked, verdict in done.hits],
    }


def replay_table(done: Replay) -> str:
    """A replayed stream as people read it."""
    lines = [
        f"{done.prompts} prompts: {done.exact} answered by the exact tier, {len(done.hits)} by the semantic layer",
        f"({done.right} right, {done.wrong} wrong, {done.unlabelled} not labelled); deflection {done.deflection:.1%}",
    ]
    return "\n".join(
        [*lines, *(f"{verdict}: {stored} | {asked}" for stored, asked, verdict in dict.fromkeys(done.hits))]
    )
