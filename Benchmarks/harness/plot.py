"""Benchmarks/plot: draws docs/scale.svg from the results of Benchmarks/scale, and makes a table."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import machine
from tables import replace_section

RESULTS = machine.REPOSITORY / "Benchmarks" / "results"
DRAWING = machine.REPOSITORY / "docs" / "scale.svg"
PAGE = machine.REPOSITORY / "Benchmarks" / "Results.md"

SECTION = """
## Scale

Made by `Benchmarks/scale N` and `Benchmarks/plot`: N jobs with {workers:,} workers against an nginx
that answers at once, on the same cores; killed with SIGKILL half-way and resumed.

![Rate, memory, file sizes and the time of status, at each 1 % of the jobs](../docs/scale.svg)

{table}

The machine is shared and drifts, so three controls stand beside the rates: bare libcurl, runner on
a fresh queue, and what the origin, whose work per request never changes, spends on one. A rate that
falls where these hold still is runner's own doing. Rates include the watching of the run.

"Making 100 million requests with Python aiohttp" took 150,213 s and 294 MB for the same number of
requests with 1,000 connections. Its server slept 1.5 s on average, so no client could have been
faster than 150,000 s; here it answers at once. What compares is the memory, and that these were
killed on the way.

{failed}

{machine}
"""

# Light to dark as N rises; told apart by lightness alone, too.
COLORS = ["#7fb2e5", "#2a6fc0", "#0b2f66", "#000000"]
INK, GRID = "#333333", "#e3e3e3"

Result = dict[str, Any]


def main() -> int:
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("scale-*.json"))]
    if not results:
        print(f"there is nothing to draw in {RESULTS}: run Benchmarks/scale 1M", file=sys.stderr)
        return 1
    results.sort(key=lambda result: result["jobs"])
    draw(results[-len(COLORS) :], DRAWING)
    text = table(results)
    print(text)
    facts = machine.markdown(results[-1]["machine"])
    failed = "\n".join(failures(results)) or "All checks held."
    section = SECTION.format(failed=failed, table=text, workers=results[-1]["workers"], machine=facts)
    replace_section(PAGE, "scale", section)
    return 0


def failures(results: list[Result]) -> list[str]:
    """A sentence for each check of a run that did not hold."""
    return [
        f"The run of {title(result)} failed a check: {check}."
        for result in results
        for check, held in result["checks"].items()
        if not held
    ]


def draw(results: list[Result], path: Path) -> None:
    """Four panels, a line for each N. The same results give the same bytes."""
    matplotlib.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "scale",
            "font.size": 9,
            "text.color": INK,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.edgecolor": "#999999",
        }
    )
    figure = Figure(figsize=(8.4, 5.6), facecolor="white", layout="constrained")
    rate, memory, files, status = figure.subplots(2, 2, sharex=True).flat
    for result, color in zip(results, COLORS):
        name = title(result)
        line(rate, result, color, "jobs_per_s", 1e3, label=name)
        floor = result["controls"]["floor_per_s"]
        rates = [median(floor[when]) / 1e3 for when in ("before", "middle", "after")]
        rate.plot([0, 50, 100], rates, "o", color=color, markerfacecolor="white", clip_on=False)
        line(memory, result, color, "rss_bytes", 1e6, label=name)
        line(files, result, color, "queue_bytes", 1e6, label=name)
        line(files, result, color, "wal_bytes", 1e6, linestyle="dotted")
        line(status, result, color, "status_ms", 1, label=name)
    panel(rate, "Rate, thousand requests/s (circles: bare libcurl)")
    panel(memory, "Resident memory, MB")
    panel(files, "Queue file (lines) and its log (dots), MB")
    panel(status, "Time of runner status, ms")
    rate.annotate("kill -9, resume", (50, 0), (3, 4), textcoords="offset points", fontsize=8)
    for axes in (files, status):
        axes.set_xlabel("jobs done, %")
    figure.legend(
        *rate.get_legend_handles_labels(),
        loc="outside upper right",
        ncols=len(results),
        frameon=False,
    )
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def line(
    axes: Axes, result: Result, color: str, column: str, unit: float, **style: Any
) -> None:
    """Draws a column against the percentage done, a part of the run at a time."""
    samples = result["samples"]
    for part in (1, 2):
        points = [
            (percent, value / unit)
            for percent, value, of in zip(samples["percent"], samples[column], samples["part"])
            if of == part and value is not None
        ]
        axes.plot(*zip(*points), color=color, linewidth=1.3, **style)
        style.pop("label", None)


def panel(axes: Axes, title: str) -> None:
    """Axes from zero, so that what is flat looks flat."""
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.axvline(50, color="#999999", linewidth=0.8, linestyle=(0, (4, 3)))


def table(results: list[Result]) -> str:
    """A Markdown table, a column for each N."""
    rows: list[tuple[str, Callable[[Result], str]]] = [
        ("wall time", lambda r: time(r["summary"]["wall_s"])),
        ("requests/s", lambda r: f"{r['summary']['jobs_per_s']:,}"),
        ("— first 1 %, last 1 %", lambda r: pair(r, "jobs_per_s_{}_percent")),
        ("— median of the first tenth, of the last", lambda r: tenths(r, "jobs_per_s")),
        ("bare libcurl before, half-way, after", lambda r: control(r, "floor_per_s")),
        ("a fresh queue of 300k then", lambda r: control(r, "fresh_queue_per_s")),
        (
            "of all CPU time: other programs, the watcher",
            lambda r: f"{r['controls']['other_cpu_percent']} %, "
            f"{r['controls']['watcher_cpu_percent']} %",
        ),
        ("CPU µs a request", lambda r: f"{r['summary']['cpu_us_per_job']:.1f}"),
        ("— first tenth, last", lambda r: tenths(r, "cpu_us_per_job")),
        ("— the origin's, first tenth, last", lambda r: tenths(r, "origin_cpu_us_per_job")),
        (
            "peak memory before the kill, after",
            lambda r: ", ".join(
                f"{r['summary'][f'peak_rss_bytes_{when}_kill'] / 1e6:.1f}"
                for when in ("before", "after")
            )
            + " MB",
        ),
        ("queue file at the end", lambda r: f"{r['summary']['queue_bytes_closed'] / 1e3:.0f} kB"),
        ("largest log", lambda r: f"{r['summary']['wal_bytes_max'] / 1e6:.1f} MB"),
        (
            "resume to first request, median, slowest",
            lambda r: f"{median(r['summary']['resume_ms']):.0f}, "
            f"{max(r['summary']['resume_ms']):.0f} ms",
        ),
        (
            "`status`, median, slowest",
            lambda r: f"{r['summary']['status_ms']['median']:.0f}, "
            f"{r['summary']['status_ms']['max']:.0f} ms",
        ),
        (
            "requests repeated after the kill",
            lambda r: f"{r['summary']['requests_repeated']:,} "
            f"(at most {r['summary']['requests_repeated_max']:,})",
        ),
    ]
    heads = [title(result) for result in results]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(map(cell, results))} |" for name, cell in rows]
    return "\n".join(lines)


def control(result: Result, name: str) -> str:
    rates = result["controls"][name]
    return ", ".join(f"{median(rates[when]):,.0f}" for when in ("before", "middle", "after"))


def tenths(result: Result, name: str) -> str:
    first, last = (result["summary"][f"{which}_tenth"][name] for which in ("first", "last"))
    return f"{first:,}, {last:,}"


def pair(result: Result, name: str) -> str:
    values = [result["summary"][name.format(which)] for which in ("first", "last")]
    return ", ".join("–" if value is None else f"{value:,}" for value in values)


def time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def title(result: Result) -> str:
    """10M jobs, or 10M jobs by HTTPS. Results written before there was a choice were by HTTP."""
    over = {"http": "", "https1": " by HTTPS", "https2": " by HTTP/2"}[result.get("over", "http")]
    return f"{number(result['jobs'])} jobs{over}"


def number(jobs: int) -> str:
    """1000000 as 1M."""
    return f"{jobs // 1_000_000}M" if jobs % 1_000_000 == 0 else f"{jobs:,}"


if __name__ == "__main__":
    sys.exit(main())
