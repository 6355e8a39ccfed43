"""The model of Benchmarks/fleet: what fleets larger than those measured would cost a server.

Discrete: the commits and looks of all runners in some seconds come one after the other to a server of so
many cores, each taking as much CPU time as was measured. docs/FLEET.md says what is assumed.
"""

import heapq
import random
from pathlib import Path
from typing import Any

Figures = dict[str, Any]

JOBS = 10**10
RATE = 1000
RUNNERS = [16, 64, 256, 500, 1000]
CORES = [2, 4, 8]
PLAYED_S = 5


def interval_s(runners: int) -> float:
    """The time from one commit of a runner to the next, as the store asks for."""
    return min(max(runners / 2500, 0.1), 1.0)


def look_s(runners: int) -> float:
    """The time from one look of a runner at its share of the rate to the next."""
    return min(max(runners / 250, 1.0), 4.0)


def gone_s(runners: int) -> float:
    """The time from one look of a runner at who is gone to the next."""
    return min(max(runners / 10, 5.0), 20.0)


def fit(points: list[tuple[float, float]]) -> tuple[float, float]:
    """A constant and a slope by least squares, neither below 0."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    slope = max(slope, 0.0)
    return max(mean_y - slope * mean_x, 0.0), slope


class Costs:
    """Of a commit with its part of folds and claims: µs of CPU and bytes of WAL, by its jobs."""

    def __init__(self, results: Figures):
        points = [(f["jobs"] / f["commits"], f) for f in results["load"] if f["runners"] == 16]
        self.cpu = fit([(jobs, f["cpu_us_per_commit"]) for jobs, f in points])
        self.wal = fit([(jobs, f["wal_mb_per_million"] * jobs) for jobs, f in points])
        # That of one runner alone: nothing else is in its way but the disk.
        self.latency_ms = min(f["commit_ms_p50"] for f in results["load"])
        self.looks = results["status"]["look_us"]

    def commit_us(self, runners: int) -> float:
        return self.cpu[0] + self.cpu[1] * RATE * interval_s(runners)

    def wal_a_commit(self, runners: int) -> float:
        return self.wal[0] + self.wal[1] * RATE * interval_s(runners)

    def share_us(self, runners: int) -> float:
        return self.looks["share"] * runners / 1000

    def gone_us(self, runners: int) -> float:
        return self.looks["gone"] * runners / 1000


def play(costs: Costs, runners: int, cores: int) -> Figures:
    """Some seconds of a fleet: each runner commits, looks at its share, and at who is gone."""
    chance = random.Random(runners * 100 + cores)
    arrivals: list[tuple[float, float, bool]] = []
    for _ in range(runners):
        for pause, micros, is_commit in [
            (interval_s(runners), costs.commit_us(runners), True),
            (look_s(runners), costs.share_us(runners), False),
            (gone_s(runners), costs.gone_us(runners), False),
        ]:
            at = chance.random() * pause
            while at < PLAYED_S:
                arrivals.append((at, micros / 1e6, is_commit))
                at += pause * chance.uniform(0.9, 1.1)
    free = [0.0] * cores
    waits, busy = [], 0.0
    for at, cost, is_commit in sorted(arrivals):
        begin = max(at, heapq.heappop(free))
        heapq.heappush(free, begin + cost)
        busy += cost
        if is_commit:
            waits.append(begin + cost - at)
    waits.sort()
    commits = len(waits) / PLAYED_S
    return {"runners": runners, "cores": cores, "busy_cores": busy / PLAYED_S,
            "p50_ms": waits[len(waits) // 2] * 1000 + costs.latency_ms,
            "p99_ms": waits[len(waits) * 99 // 100] * 1000 + costs.latency_ms,
            "commits_per_s": commits,
            "wal_mb_per_s": commits * costs.wal_a_commit(runners) / 1e6}


def write(results: Figures, folder: Path) -> None:
    """Puts tables into FLEET.md, and draws fleet.svg beside it."""
    costs = Costs(results)
    played = [play(costs, runners, cores) for runners in RUNNERS for cores in CORES]
    text = tables(results, costs, played)
    page = folder / "FLEET.md"
    head, rest = page.read_text().split("<!-- measured -->\n", 1)
    _, tail = rest.split("<!-- /measured -->", 1)
    page.write_text(f"{head}<!-- measured -->\n{text}\n<!-- /measured -->{tail}")
    (folder / "fleet.svg").write_text(draw(results, played))
    print(text)


def tables(results: Figures, costs: Costs, played: list[Figures]) -> str:
    lines = ["| runners | jobs/s asked | served | commit p50, p99 ms | server CPU s and WAL MB a million jobs | cores busy | load of the machine |",
             "|---:|---:|---:|---:|---:|---:|---:|"]
    rows = results["load"] + ([results["hold"]] if "hold" in results else [])
    for row in rows:
        time = f", for {row['seconds']:.0f} s" if row is results.get("hold") else ""
        lines.append(
            f"| {row['runners']:.0f}{time} | {row['asked_per_s']:,.0f} | {row['jobs_per_s']:,.0f} "
            f"| {row['commit_ms_p50']:.1f}, {row['commit_ms_p99']:.1f} "
            f"| {row['cpu_s_per_million']:.1f}, {row['wal_mb_per_million']:.1f} "
            f"| {row['cores']:.2f} | {row['load_of_machine']:.0f} |")
    lines += ["", "Other figures, medians:", ""]
    status = results["status"]
    lines.append(f"- `runner status` with 1,000 runners and 10^10 jobs: {status['status_ms']:.0f} ms; "
                 f"`enqueue` of 10^10 IDs: {status['enqueue_s']:.2f} s.")
    if "snapshot" in results:
        held, free = results["snapshot"], results["hold"]
        ratio = held["cpu_us_per_commit"] / free["cpu_us_per_commit"]
        lines.append(f"- With a snapshot held open all the time, {held['runners']:.0f} runners for "
                     f"{held['seconds']:.0f} s: {ratio:.2f} times the CPU a commit, p50 and p99 "
                     f"{held['commit_ms_p50']:.1f} and {held['commit_ms_p99']:.1f} ms.")
    if "runs" in results:
        runs = results["runs"]
        lines.append(
            f"- Four runs on one queue in PostgreSQL: {runs['postgres_per_s']:,.0f} requests a second, "
            f"{runs['ratio']:.2f} of four on a file each ({runs['sqlite_per_s']:,.0f}), server, origin "
            f"and runs on the same two cores; {runs['cpu_s_per_million']:.1f} s of CPU and "
            f"{runs['wal_mb_per_million']:.1f} MB of WAL a million jobs. At half of that rate a commit "
            f"takes {runs['half_p50_ms']:.0f} ms at most for half of them, and "
            f"{runs['half_p99_ms']:.0f} ms for 99 in 100.")
    lines += ["", f"The model, with {RATE:,} jobs a second of each runner. A commit takes "
              f"{costs.cpu[0]:.0f} µs and {costs.cpu[1]:.2f} µs a job, {costs.wal[0]:.0f} bytes of WAL "
              f"and {costs.wal[1]:.1f} a job; a look at shares {costs.looks['share']:.0f} µs and one "
              f"for who is gone {costs.looks['gone']:.0f} µs with a thousand runners.", "",
              "| runners | commits/s | cores busy | commit p99 with " + ", ".join(map(str, CORES))
              + " cores, ms | WAL MB/s | 10^10 jobs take, h | their WAL, GB |",
              "|---:|---:|---:|---:|---:|---:|---:|"]
    for runners in RUNNERS:
        here = [row for row in played if row["runners"] == runners]
        seconds = JOBS / (runners * RATE)
        quantiles = ", ".join(
            f"{row['p99_ms']:.1f}" if row["busy_cores"] < 0.95 * row["cores"] else "too few"
            for row in here)
        lines.append(
            f"| {runners:,} | {here[0]['commits_per_s']:,.0f} | {here[0]['busy_cores']:.2f} "
            f"| {quantiles} | {here[0]['wal_mb_per_s']:.1f} | {seconds / 3600:.1f} "
            f"| {here[0]['wal_mb_per_s'] * seconds / 1000:,.0f} |")
    return "\n".join(lines)


WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 320, 56, 24, 40


def draw(results: Figures, played: list[Figures]) -> str:
    """Cores that a server is busy with, by runners: measured and modelled."""
    measured = [(row["runners"], row["cores"]) for row in results["load"]
                if row["asked_per_s"] == row["runners"] * RATE]
    modelled = [(row["runners"], row["busy_cores"]) for row in played if row["cores"] == CORES[0]]
    x_max = max(x for x, _ in modelled)
    y_max = 1.15 * max(y for _, y in modelled + measured)

    def place(x: float, y: float) -> str:
        return (f"{LEFT + x / x_max * (WIDTH - LEFT - 16):.1f},"
                f"{HEIGHT - BOTTOM - y / y_max * (HEIGHT - TOP - BOTTOM):.1f}")

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="sans-serif" font-size="12" fill="#333">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
             f'<text x="{LEFT}" y="16">Cores of the server that are busy, {RATE:,} jobs a second a '
             'runner</text>']
    for tick in range(0, x_max + 1, 250):
        x, y = place(tick, 0).split(",")
        parts.append(f'<text x="{x}" y="{float(y) + 16:.1f}" text-anchor="middle">{tick:,}</text>')
    step = 0.5 if y_max < 4 else 1
    value = 0.0
    while value <= y_max:
        x, y = place(0, value).split(",")
        parts.append(f'<path d="M{x},{y}H{WIDTH - 16}" stroke="#e3e3e3"/>'
                     f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{value:g}</text>')
        value += step
    parts.append(f'<text x="{WIDTH - 16}" y="{HEIGHT - 8}" text-anchor="end">runners</text>')
    line = " ".join(place(x, y) for x, y in modelled)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#2a6fc0" stroke-width="2"/>')
    for x, y in measured:
        cx, cy = place(x, y).split(",")
        parts.append(f'<circle cx="{cx}" cy="{cy}" r="4" fill="#0b2f66"/>')
    parts.append(f'<text x="{LEFT + 12}" y="{TOP + 20}" fill="#0b2f66">● measured</text>'
                 f'<text x="{LEFT + 12}" y="{TOP + 38}" fill="#2a6fc0">— model</text></svg>')
    return "\n".join(parts) + "\n"
