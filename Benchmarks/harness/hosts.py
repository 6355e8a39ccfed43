"""Benchmarks/hosts: a list over many hosts, a quarter of them dead or slow. See Benchmarks/README.md."""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

from child import memory

REPOSITORY = Path(__file__).resolve().parents[2]
JOBS_PER_HOST = 5
SLOW_MS = 10_000
DEAD_PORT = 1
"""Nobody listens on it."""

OUTCOMES = {"healthy": "200", "big": "200", "slow": "200", "unknown": "dns", "refusing": "connect"}
"""How the jobs of hosts of each kind have to end."""


def program(name: str) -> str:
    return str(Path(os.environ["RUNNER_PRODUCTS"]).resolve() / name)


@contextmanager
def started(command: list[str]) -> Iterator[str]:
    """Runs a server, and gives the line by which it says that it is ready."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child.stdout.readline()
    finally:
        child.kill()
        child.wait()


def kind(host: int) -> str:
    """A tenth of the names are unknown, a tenth of the hosts refuse, a twentieth is slow."""
    return {0: "unknown", 1: "unknown", 2: "refusing", 3: "refusing", 4: "slow"}.get(
        host % 20, "healthy")


def urls(hosts: int, port: int, delay_ms: int, alone: bool, seed: int) -> list[str]:
    """The list: 5 jobs a host, and a host with a fifth of all, in random order."""
    lines = []
    for host in range(hosts):
        of = kind(host)
        if alone and of != "healthy":
            continue
        address = f"127-{1 + host // 65_000}-{host // 250 % 250}-{1 + host % 250}"
        name = f"nx.h{host}" if of == "unknown" else f"a-{address}.h{host}"
        to = DEAD_PORT if of == "refusing" else port
        path = f"delay/{SLOW_MS if of == 'slow' else delay_ms}"
        lines += [f"http://{name}.test:{to}/{path}/{host * JOBS_PER_HOST + job}"
                  for job in range(JOBS_PER_HOST)]
    big = hosts * JOBS_PER_HOST // 4
    lines += [f"http://big.test:{port}/{hosts * JOBS_PER_HOST + job}" for job in range(big)]
    random.Random(seed).shuffle(lines)
    return lines


def kind_of(url: str) -> str:
    authority = url.split("/")[2]
    if authority.startswith("big."):
        return "big"
    if authority.startswith("nx."):
        return "unknown"
    if authority.endswith(f":{DEAD_PORT}"):
        return "refusing"
    return "slow" if f"/delay/{SLOW_MS}/" in url else "healthy"


@dataclass(frozen=True)
class Figures:
    """What a run did. Times in s since it began: when the last job of the healthy hosts, and of the
    big one, was asked for, and the run's end."""

    healthy_s: float
    big_s: float
    whole_s: float
    cpu_s: float
    peak_mb: float


def run(hosts: int, options: argparse.Namespace, alone: bool) -> Figures:
    name_server = ["python3", "-B", str(REPOSITORY / "Tests/Tools/name_server.py")]
    with (tempfile.TemporaryDirectory() as folder,
          started([program("test-origin"), "--all-addresses"]) as origin_line,
          started(name_server) as name_server_line):
        port = int(re.search(r":(\d+)", origin_line)[1])  # type: ignore[index]
        lines = urls(hosts, port, options.delay_ms, alone, options.seed)
        Path(folder, "urls").write_text("\n".join(lines) + "\n")
        subprocess.run([program("runner"), "enqueue", "urls"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begin = datetime.now().timestamp()
        child = subprocess.Popen(
            [program("runner"), "run", "-q", "--workers", str(options.workers), "--retries",
             str(options.retries), "--output", "out", "--output-failures", "--no-body",
             "--dns-servers", name_server_line.split()[2]], cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak_bytes = ended = 0
        # Not the usage's: that counts this program's memory, too, from before the other began.
        while not ended:
            time.sleep(0.1)
            if now := memory(child.pid):
                peak_bytes = now.peak_rss_bytes
            ended, status, usage = os.wait4(child.pid, os.WNOHANG)
        whole_s = datetime.now().timestamp() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != (0 if alone else 1):
            raise SystemExit(f"the run ended with {child.returncode}")
        last: dict[str, float] = {}
        seen = Counter[str]()
        for file in Path(folder, "out").glob("*.jsonl"):
            for line in file.open():
                record = json.loads(line)
                of = kind_of(record["url"])
                if record["outcome"] != OUTCOMES[of]:
                    raise SystemExit(f"{record['url']} ended with {record['outcome']}")
                seen[record["url"]] += 1
                at = datetime.fromisoformat(record["fetched_at"].replace("Z", "+00:00"))
                last[of] = max(last.get(of, 0), at.timestamp() - begin)
        if seen != Counter(lines):
            raise SystemExit("the output is not one record a job")
        return Figures(healthy_s=last["healthy"], big_s=last["big"], whole_s=whole_s,
                       cpu_s=usage.ru_utime + usage.ru_stime, peak_mb=peak_bytes / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(prog="Benchmarks/hosts", description=__doc__)
    parser.add_argument("--hosts", type=int, default=50_000, metavar="N")
    parser.add_argument("--workers", type=int, default=3000, metavar="N")
    parser.add_argument("--retries", type=int, default=3, metavar="N")
    parser.add_argument("--delay-ms", type=int, default=100, metavar="N",
                        help="how long healthy origins take, but the big one (default: 100)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32),
                        help="the order of an earlier list")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.workers} workers, {options.retries} retries")
    print(f"{'':24}{'healthy':>10}{'big':>8}{'whole':>8}{'CPU':>8}{'peak':>10}")
    ratios = []
    for _ in range(options.rounds):
        rounds = {"healthy hosts alone": run(options.hosts, options, alone=True),
                  "all": run(options.hosts, options, alone=False),
                  "all, a tenth of the list": run(options.hosts // 10, options, alone=False)}
        for name, figures in rounds.items():
            print(f"{name:24}{figures.healthy_s:8.1f} s{figures.big_s:6.1f} s"
                  f"{figures.whole_s:6.1f} s{figures.cpu_s:6.1f} s{figures.peak_mb:7.1f} MB",
                  flush=True)
        alone, mixed, tenth = rounds.values()
        ratios.append((alone.healthy_s / mixed.healthy_s, alone.big_s / mixed.big_s,
                       mixed.peak_mb - tenth.peak_mb))
    healthy, big, peak_mb = (median(column) for column in zip(*ratios))
    print(f"medians: healthy hosts at {healthy:.2f} of their rate alone, the big one at {big:.2f}; "
          f"{peak_mb:.0f} MB more than a tenth of the list")


if __name__ == "__main__":
    sys.exit(main())
