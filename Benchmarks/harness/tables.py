"""Turns measurements into Markdown: medians, and ratios taken within each round."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import machine
import origin
from measure import Cost
from works import FLOOR, PEERS, RUNNER, Work


GROWTH_ROUND = 0
"""The round of measurements that only show how memory grows."""
GROWTH_MB_MAX = 3
"""How far the memory of runs of different lengths may be from their middle."""


@dataclass(frozen=True)
class Resumed:
    """How many TLS sessions were resumed.

    connections: to the origin.
    share: of those after the first of each worker, how many resumed a session; None if there are
        none.
    first_share: of the first ones.
    """

    connections: int
    share: float | None
    first_share: float

    @staticmethod
    def of(resumed: list[bool], workers: int) -> "Resumed":
        first, later = resumed[:workers], resumed[workers:]
        return Resumed(
            len(resumed),
            sum(later) / len(later) if later else None,
            sum(first) / len(first) if first else 0,
        )


@dataclass(frozen=True)
class Measurement:
    """One run of one program.

    cost: None if it failed.
    steady_per_s: at an origin that sleeps, requests a second while jobs last.
    first_ms: at an origin that does not, from the start to the end of the first answer, by the
        origin's clock.
    resumed: with HTTPS, what became of TLS sessions.
    failure: None unless it failed, else one line.
    """

    work: str
    round: int
    program: str
    requests: int
    cost: Cost | None = None
    steady_per_s: float | None = None
    first_ms: float | None = None
    resumed: Resumed | None = None
    failure: str | None = None

    @property
    def per_s(self) -> float:
        """Requests a second, start-up and end of the program included."""
        return self.requests / self.cost.wall_s

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor time a request."""
        return self.cost.cpu_s / self.requests * 1e6

    @property
    def cores(self) -> float:
        """Processor time by time passed: 0.5 is half a core."""
        return self.cost.cpu_s / self.cost.wall_s

    def __str__(self) -> str:
        if self.failure:
            return f"{self.program} FAILED, not counted: {self.failure}"
        return (
            f"{self.program} {self.per_s:,.0f}/s, {self.cpu_us:,.1f} µs CPU a request, "
            f"{self.cost.peak_rss_mb:,.0f} MB"
        )


def report(
    facts: dict[str, str],
    works: list[Work],
    measurements: list[Measurement],
    seed: int,
    quick: bool,
) -> str:
    """All tables, and what is needed to judge them."""
    lines = ["## Beside other programs", ""]
    if quick:
        lines += [
            "**Quick: one round of few requests, to see it work. No figure here is to be quoted.**",
            "",
        ]
    lines += [
        machine.markdown(facts),
        "",
        f"Medians of the rounds; in each round the programs ran one after another, in an order "
        f"shuffled from seed {seed}. The columns “`runner` ÷ it” are ratios taken within each "
        "round, their median, and in brackets their least and greatest. Above 1 is good for "
        "`runner` in requests/s, below 1 in CPU and memory. All of a program is measured, its "
        "start included. MB are 10⁶ bytes.",
    ]
    for work in works:
        mine = of(work, measurements)
        lines += ["", f"### {work.name}: {work.title}", "", *table(work, mine)]
    measured = {measurement.program for measurement in measurements}
    lines += ["", "### What they do not do", ""]
    lines += [
        "- **runner** marks each outcome in its queue with `synchronous=FULL`, and retries; "
        "it keeps no bodies. `enqueue` is not measured.",
        *(f"- **{peer.name}** {peer.lacks}" for peer in PEERS.values() if peer.name in measured),
    ]
    return "\n".join(lines) + "\n"


def of(work: Work, measurements: list[Measurement]) -> list[Measurement]:
    return [measurement for measurement in measurements if measurement.work == work.name]


def table(work: Work, measurements: list[Measurement]) -> list[str]:
    """The table of one work, and under it what failed."""
    good = {
        name: {
            m.round: m
            for m in measurements
            if m.program == name and m.round != GROWTH_ROUND and not m.failure
        }
        for name in work.requests
    }
    rounds = max(m.round for m in measurements)
    heads = ["program", "requests", "requests/s", "CPU µs a request", "peak RSS MB"]
    heads += [f"{what}, `runner` ÷ it" for what in ("requests/s", "CPU", "RSS")]
    if work.sleeps:
        heads += ["of the ceiling while jobs last", "of a core", "s more than the floor"]
    else:
        heads += ["ms to the first answer"]
    if work.is_https:
        heads += ["connections", "resumed, of the first", "of the others"]
    rows = [heads, ["---"] + ["---:"] * (len(heads) - 1)]
    for name, its in good.items():
        if its:
            rows.append(row(work, its, good[RUNNER], good[FLOOR]))
    if work.sleeps:
        rows.append(ideal_row(work, measurements, len(heads)))
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    lines += ["", f"{rounds} round{'s' if rounds > 1 else ''}."]
    if work.sleeps:
        ceiling_per_s = work.workers / origin.MEAN_DELAY_S
        lines[-1] += (
            f" The ceiling is {work.workers:,} workers by {origin.MEAN_DELAY_S} s, "
            f"{ceiling_per_s:,.0f} requests/s. While jobs last: the requests after the first "
            f"{work.workers:,}, by the time from the start of the last of these to the last start, "
            "as the origin saw them. The ideal client takes the next ID the moment a request ends; "
            "it is below the ceiling because sleeps are whole seconds."
        )
    if good.get(FLOOR) and FLOOR in work.options:
        chosen = [option for option in work.options[FLOOR] if not option.startswith("cacert=")]
        lines[-1] += f" The floor's options: {', '.join(f'`{option}`' for option in chosen)}."
    if work.is_https:
        lines[-1] += (
            " Each program trusts what the system trusts and the origin's authority. The first "
            f"connections are {work.workers:,}, one a worker; of these and of the others, made when "
            "the origin had closed one, the table says how many resumed a TLS session."
        )
    if sizes := growth(measurements):
        peaks = ", ".join(f"{peak:.0f} MB with {requests:,}" for requests, peak in sizes.items())
        lines += ["", f"`runner`'s peak by the number of requests: {peaks}."]
    for line in broken(work, measurements):
        lines += ["", f"{line}."]
    for m in measurements:
        if m.failure:
            lines += ["", f"Not counted: {m.program} in round {m.round}, {m.failure}."]
    return lines


def row(
    work: Work,
    its: dict[int, Measurement],
    runners: dict[int, Measurement],
    floors: dict[int, Measurement],
) -> list[str]:
    """The figures of one program. Arguments are measurements by round."""
    runs = list(its.values())
    name = runs[0].program
    cells = [
        f"**{name}**" if name == RUNNER else name,
        f"{runs[0].requests:,}",
        f"{median(m.per_s for m in runs):,.0f}",
        f"{median(m.cpu_us for m in runs):,.1f}",
        f"{median(m.cost.peak_rss_mb for m in runs):,.0f}",
    ]
    for value in (lambda m: m.per_s, lambda m: m.cpu_us, lambda m: m.cost.peak_rss_mb):
        cells.append("" if name == RUNNER else ratio(value, runners, its))
    if work.sleeps:
        ceiling_per_s = work.workers / origin.MEAN_DELAY_S
        shares = [m.steady_per_s / ceiling_per_s for m in runs if m.steady_per_s]
        over_s = [m.cost.wall_s - floors[r].cost.wall_s for r, m in its.items() if r in floors]
        cells += [
            f"{median(shares):.1%}" if shares else "",
            f"{median(m.cores for m in runs):.1%}",
            f"{median(over_s):+.2f}" if over_s and name != FLOOR else "",
        ]
    else:
        firsts = [m.first_ms for m in runs if m.first_ms is not None]
        cells.append(f"{median(firsts):,.0f}" if firsts else "")
    if work.is_https:
        shares = [m.resumed.share for m in runs if m.resumed.share is not None]
        cells += [
            f"{median(m.resumed.connections for m in runs):,.0f}",
            f"{median(m.resumed.first_share for m in runs):.0%}",
            f"{median(shares):.1%}" if shares else "",
        ]
    return cells


def growth(measurements: list[Measurement]) -> dict[int, float]:
    """The greatest peak of `runner`'s memory in MB, by the number of requests, if that differs."""
    runs = [m for m in measurements if m.program == RUNNER and not m.failure]
    sizes = sorted({m.requests for m in runs})
    if len(sizes) < 2:
        return {}
    return {n: max(m.cost.peak_rss_mb for m in runs if m.requests == n) for n in sizes}


def broken(work: Work, measurements: list[Measurement]) -> list[str]:
    """What `runner` was to keep to and did not, a line each."""
    mine = [m for m in of(work, measurements) if m.program == RUNNER and not m.failure]
    lines = []
    peaks = list(growth(mine).values())
    if peaks and max(peaks) - min(peaks) > 2 * GROWTH_MB_MAX:
        lines.append(
            f"{work.name}: does not hold: memory within ±{GROWTH_MB_MAX} MB whatever the requests"
        )
    peak = max((m.cost.peak_rss_mb for m in mine), default=0)
    if work.rss_mb_max and peak > work.rss_mb_max:
        lines.append(
            f"{work.name}: does not hold: at most {work.rss_mb_max:.0f} MB, it took {peak:.0f}"
        )
    shares = [m.resumed.share for m in mine if m.resumed and m.resumed.share is not None]
    if work.resumed_min is not None and shares and min(shares) < work.resumed_min:
        lines.append(
            f"{work.name}: does not hold: {work.resumed_min:.0%} of connections made anew resume "
            f"their TLS session, {min(shares):.0%} did"
        )
    return lines


def ideal_row(work: Work, measurements: list[Measurement], columns: int) -> list[str]:
    """What a client that loses no time would do, computed from the origin's sleeps."""
    requests = measurements[0].requests
    start_s, end_s = origin.ideal(requests, work.workers)
    steady_per_s = origin.Starts(requests, 0, start_s).steady_per_s(requests, work.workers)
    cells = ["*ideal, computed*", f"{requests:,}", f"{requests / end_s:,.0f}"]
    cells += [""] * (columns - len(cells))
    if steady_per_s:
        cells[-3] = f"{steady_per_s / (work.workers / origin.MEAN_DELAY_S):.1%}"
    return cells


def ratio(
    value: Callable[[Measurement], float],
    over: dict[int, Measurement],
    under: dict[int, Measurement],
) -> str:
    """The median of the ratios in the rounds both have, and their spread if there are several."""
    ratios = [value(over[r]) / value(under[r]) for r in over if r in under]
    if not ratios:
        return ""
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    return f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def replace_section(file: Path, name: str, text: str) -> None:
    """Puts `text` between the lines `<!-- name -->` and `<!-- /name -->` of a Markdown file.

    What stands elsewhere in the file stays. The file and the lines are made if they are missing.
    """
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    old = file.read_text() if file.exists() else "# Results\n"
    section = f"{opening}\n\n{text.strip()}\n\n{closing}"
    before, found, rest = old.partition(opening)
    if not found:
        file.write_text(f"{old.rstrip()}\n\n{section}\n")
        return
    _, found, after = rest.partition(closing)
    if not found:
        raise machine.Unready(f"{file.name} has the line {opening} but no {closing}: add it")
    file.write_text(before + section + after)
