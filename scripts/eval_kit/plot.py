"""The rates over the threshold, drawn."""

from __future__ import annotations

from pathlib import Path

from eval_kit.measure import Rate
from eval_kit.report import Report

LINES = (("raw", "texts as they are", ":"), ("embedded", "as embedded", "--"), ("guarded", "with the guard", "-"))


def draw(report: Report, file: Path) -> None:
    """Right and wrong hits over the threshold, with and without the guard, into a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (right, wrong) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    at = [row.threshold for row in report.rows]
    for name, label, style in LINES:
        for axes, side in ((right, "right"), (wrong, "wrong")):
            found: list[Rate] = [getattr(getattr(row, name), side) for row in report.rows]
            (line,) = axes.plot(at, [100 * rate.share for rate in found], style, label=label)
            low, high = zip(*(rate.interval for rate in found), strict=True)
            axes.fill_between(
                at, [100 * end for end in low], [100 * end for end in high], color=line.get_color(), alpha=0.12
            )
    for axes, title in ((right, "paraphrases that hit, %"), (wrong, "other questions that hit, %")):
        axes.axvline(report.threshold, color="grey", linewidth=0.8)
        axes.set(title=title, xlabel="cosine at least", ylim=(-2, 102))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(f"{len(report.judged)} pairs, profile {report.profile}, 95 % intervals")
    figure.savefig(file, format="png", dpi=120)
    pyplot.close(figure)
