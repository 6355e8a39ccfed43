"""What is compared: the programs and the works they are given."""

from dataclasses import dataclass
from pathlib import Path

from machine import FOLDER, REPOSITORY

RUNNER = "runner"
FLOOR = "floor"
TRUSTED = str(FOLDER / "tls" / "bundle.pem")
"""The certificates the system trusts, some 140, and the origin's authority."""


@dataclass(frozen=True)
class Peer:
    """A program called as `command… REQUESTS URL-TEMPLATE WORKERS options…`.

    lacks: what it leaves out that `runner` does, as a sentence: its figures are cheaper for that.
    """

    name: str
    command: list[str]
    lacks: str
    options: tuple[str, ...] = ()


def compiled(name: str) -> list[str]:
    return [str(FOLDER / "bin" / name)]


def python(script: str) -> list[str]:
    peers: Path = REPOSITORY / "Benchmarks" / "peers"
    return [str(FOLDER / "venv" / "bin" / "python"), "-B", str(peers / script)]


PEERS = {
    peer.name: peer
    for peer in [
        Peer(
            FLOOR,
            compiled("floor"),
            "Bare C over libcurl. No queue, no retries, no resume: a stop loses all.",
            # What any program has to do on the libcurl of Debian 12 if servers are not to corrupt its
            # memory: docs/decisions/0007.
            options=("guard=1",),
        ),
        Peer(
            "go",
            compiled("go_http"),
            "Go's net/http. No queue, no retries, no resume: a stop loses all.",
        ),
        Peer(
            "pycurl",
            python("pycurl_multi.py"),
            "libcurl from Python, one thread. No queue, no retries, no resume.",
        ),
        Peer(
            "aiohttp-pool",
            python("aiohttp_pool.py"),
            "A pool of workers on a lazy iterator. No queue, no retries, no resume.",
        ),
        Peer(
            "aiohttp-uvloop",
            python("aiohttp_pool.py"),
            "The same on uvloop. No queue, no retries, no resume.",
            options=("uvloop",),
        ),
        Peer(
            "aiohttp-semaphore",
            python("aiohttp_semaphore.py"),
            "No queue, no retries, no resume; a task a request, so memory grows with the requests.",
        ),
        Peer(
            "pypeln",
            python("pypeln_each.py"),
            "aiohttp under `task.each`. No queue, no retries, no resume.",
        ),
        Peer(
            "scrapy",
            python("scrapy_jobdir.py"),
            "With JOBDIR and a feed. Resumes after a clean stop, not after a kill; retries are "
            "off here. It does more: it keeps what it got, as lines of JSON.",
        ),
    ]
}


@dataclass(frozen=True)
class Work:
    """The same requests for each program.

    sleeps: whether the origin sleeps 0–3 s before each answer, or answers at once.
    requests: how many each program makes, by its name; slow programs make fewer. Programs that are
        not named do not take part.
    quick: by what `--quick` divides the requests.
    options: more arguments for a program, by its name.
    listener: the origin's port, see `origin.LISTENERS`.
    growth: the requests of more runs of `runner`, to see its memory stay the same; the last one is
        made only when asked for.
    rss_mb_max: what `runner` may take in these; None: as it comes.
    resumed_min: of the connections after the first of each worker, the share that must resume a TLS
        session; None: as it comes.
    """

    name: str
    title: str
    sleeps: bool
    path: str
    workers: int
    requests: dict[str, int]
    quick: int
    options: dict[str, tuple[str, ...]]
    listener: str = "http"
    growth: tuple[int, ...] = ()
    rss_mb_max: float | None = None
    resumed_min: float | None = None

    @property
    def is_https(self) -> bool:
        return self.listener != "http"


# See floor_tls.c for what each is worth.
FLOOR_HTTPS1 = ("ramp=32",)


def trusting(floor: tuple[str, ...], go: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """The options of programs that verify certificates."""
    return {
        RUNNER: ("--cacert", TRUSTED),
        FLOOR: (f"cacert={TRUSTED}", *floor),
        "go": (f"cacert={TRUSTED}", *go),
    }


WORKS = {
    work.name: work
    for work in [
        Work(
            name="small",
            title="13-byte bodies, an origin that answers at once, 1,000 workers",
            sleeps=False,
            path="/{}",
            workers=1_000,
            requests={
                RUNNER: 300_000,
                FLOOR: 300_000,
                "go": 300_000,
                "pycurl": 100_000,
                "aiohttp-pool": 30_000,
                "aiohttp-uvloop": 30_000,
                "aiohttp-semaphore": 30_000,
                "pypeln": 30_000,
                "scrapy": 3_000,
            },
            quick=10,
            options={},
        ),
        Work(
            name="64k",
            title="65,536-byte bodies, an origin that answers at once, 1,000 workers",
            sleeps=False,
            path="/64k/{}",
            workers=1_000,
            requests={RUNNER: 100_000, FLOOR: 100_000, "go": 100_000, "aiohttp-pool": 20_000},
            quick=10,
            # The buffer in bytes that costs the least CPU of 2, 16, 64, 100 and 512 KB.
            options={FLOOR: ("buffer=102400",)},
        ),
        Work(
            name="https1",
            title="13-byte bodies by HTTPS with HTTP/1.1, certificates verified, 1,000 workers",
            sleeps=False,
            path="/{}",
            workers=1_000,
            requests=dict.fromkeys([RUNNER, FLOOR, "go"], 200_000),
            quick=10,
            options=trusting(FLOOR_HTTPS1),
            listener="https1",
            growth=(100_000, 3_000_000),
            rss_mb_max=75,
        ),
        Work(
            name="https2",
            title="13-byte bodies by HTTPS with HTTP/2, certificates verified, 1,000 streams",
            sleeps=False,
            path="/{}",
            workers=1_000,
            requests=dict.fromkeys([RUNNER, FLOOR, "go"], 200_000),
            quick=10,
            options=trusting(("http=2", "shards=8"), go=("http=2",)),
            listener="https2",
            growth=(100_000, 3_000_000),
            rss_mb_max=50,
        ),
        Work(
            name="anew",
            title="as https1, but the origin closes each connection after 100 requests",
            sleeps=False,
            path="/{}",
            workers=1_000,
            requests=dict.fromkeys([RUNNER, FLOOR, "go"], 200_000),
            # A tenth would leave no connection to be made anew.
            quick=1,
            options=trusting(FLOOR_HTTPS1),
            listener="anew",
            resumed_min=0.9,
        ),
        Work(
            name="heads",
            title="280 KB of header fields, `--output out --max-memory 64M`, 1,000 workers",
            sleeps=False,
            path="/heads/{}",
            workers=1_000,
            requests=dict.fromkeys([RUNNER, FLOOR, "go"], 4_000),
            quick=2,
            options={RUNNER: ("--output", "out", "--max-memory", "64M"), FLOOR: ("buffer=102400",)},
        ),
        Work(
            name="posts",
            title="an origin that sleeps 0, 1, 2 or 3 s, 1,000 workers",
            sleeps=True,
            path="/{}",
            workers=1_000,
            requests=dict.fromkeys([RUNNER, FLOOR, "pypeln"], 20_000),
            quick=10,
            options={},
        ),
        Work(
            name="many",
            title="an origin that sleeps 0, 1, 2 or 3 s, 10,000 workers",
            sleeps=True,
            path="/{}",
            workers=10_000,
            requests=dict.fromkeys([RUNNER, FLOOR], 300_000),
            quick=15,
            options={},
        ),
    ]
}
