"""Origins on free loopback ports: nginx, which answers at once, and one that sleeps 0–3 s.

    with origin.nginx(folder) as server:
        server.url("/64k/{}")
        server.url("/{}", "https2")

Each is stopped when its block ends, however it ends.
"""

import heapq
import json
import os
import resource
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from machine import FOLDER, REPOSITORY, Unready

START_TIMEOUT_S = 10
MEAN_DELAY_S = 1.5
"""The mean of `delay_s`: W workers cannot do more than W / 1.5 requests a second."""


@dataclass(frozen=True)
class Starts:
    """What the sleeping origin counted since it was reset."""

    started: int
    full_s: float
    last_s: float

    def steady_per_s(self, requests: int, workers: int) -> float | None:
        """Requests a second while jobs last: those started after all workers were busy, by the time
        from then to the last start. None if there are none."""
        if requests <= workers or self.last_s <= self.full_s:
            return None
        return (requests - workers) / (self.last_s - self.full_s)


LISTENERS = ("http", "https1", "https2", "anew")
"""The ports of nginx: see origins/nginx.conf."""
HEADS_BYTES, HEAD_BYTES = 280_000, 4_000
"""Header fields of `/heads/`, in all and each: a word in nginx's configuration has 4,095 at most."""


@dataclass(frozen=True)
class Firsts:
    """What nginx saw of the connections since it was marked.

    at_s: when the first answer was sent, in Unix time; None if none was.
    resumed: for each connection by HTTPS, in the order of their first answers, whether it resumed
        a TLS session.
    """

    at_s: float | None
    resumed: list[bool]


@dataclass(frozen=True)
class Origin:
    """A server that accepts connections."""

    ports: dict[str, int]

    def url(self, path: str, listener: str = "http") -> str:
        scheme = "http" if listener == "http" else "https"
        return f"{scheme}://127.0.0.1:{self.ports[listener]}{path}"

    def ask(self, path: str) -> str:
        # No proxy from the environment stands between us and loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url(path), timeout=30) as response:
            return response.read().decode()


@dataclass(frozen=True)
class Nginx(Origin):
    folder: Path

    def mark(self, workers: int) -> int:
        """To be taken off a later count by `requests`. Empties the log of connections."""
        before = self.requests() + 1
        os.truncate(self.folder / "firsts.log", 0)
        return before

    def firsts(self, listener: str) -> Firsts:
        """The connections to one port since `mark`."""
        lines = map(str.split, (self.folder / "firsts.log").read_text().splitlines())
        mine = [line for line in lines if line[0] == str(self.ports[listener])]
        at_s = min((float(line[1]) for line in mine), default=None)
        return Firsts(at_s, [line[2] == "r" for line in mine] if listener != "http" else [])

    def requests(self) -> int:
        """Requests so far, without this one."""
        return int(self.ask("/_/status").splitlines()[2].split()[2]) - 1


class Delay(Origin):
    def mark(self, workers: int) -> int:
        """Sets the count to 0, which is to be taken off a later count by `requests`."""
        self.ask(f"/_/reset/{workers}")
        return 0

    def requests(self) -> int:
        """Requests since `mark`."""
        return self.starts().started

    def starts(self) -> Starts:
        return Starts(**json.loads(self.ask("/_/started")))


@contextmanager
def nginx(folder: Path, ports: dict[str, int] | None = None) -> Iterator[Nginx]:
    """Runs nginx with `origins/nginx.conf` on `ports`, by listener, or on free ones.

    Its files are in `folder`, which is made if need be.
    """
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "64k.bin").write_bytes(bytes(range(256)) * 256)
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # nginx allocates memory for each connection it may have.
    files = min(files, 100_000) if files != resource.RLIM_INFINITY else 100_000
    command = [program, "-e", "stderr", "-p", str(folder), "-c", "nginx.conf"]
    if os.geteuid() == 0:
        # Else its worker becomes a user who may not look into this folder.
        command += ["-g", "user root;"]
    ports = ports or free_ports()
    write_heads(folder / "heads.conf")
    text = (REPOSITORY / "Benchmarks" / "origins" / "nginx.conf").read_text()
    values = {"FOLDER": folder, "FILES": files, "TLS": FOLDER / "tls"}
    values |= {name.upper(): port for name, port in ports.items()}
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(text)
    (folder / "nginx.pid").unlink(missing_ok=True)
    with running(command, folder / "nginx.log") as process:
        wait_until_listening(ports["http"], process, folder)
        yield Nginx(ports, folder)


def write_heads(path: Path) -> None:
    """nginx's directives for header fields of HEADS_BYTES in all."""
    with open(path, "w") as file:
        for k in range(HEADS_BYTES // HEAD_BYTES):
            name = f"X-Head-{k:03}"
            # The name, a colon, a blank and the line's end count, too.
            file.write(f"add_header {name} {'x' * (HEAD_BYTES - len(name) - 4)};\n")


@contextmanager
def delay(folder: Path) -> Iterator[Delay]:
    """Runs the origin that sleeps, its log in `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "delay.log"
    with running([str(FOLDER / "bin" / "delay")], log) as process:
        deadline = time.monotonic() + START_TIMEOUT_S
        while "listening" not in (text := log.read_text()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unready(f"the origin that sleeps did not start: {last_line(log)}")
            time.sleep(0.02)
        yield Delay({"http": int(text.strip().rpartition(":")[2])})


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a server until the block ends; what it prints goes to the file `log`."""
    with open(log, "wb") as sink:
        try:
            # Its own session: a Ctrl-C is for us, who stop it.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Unready(f"cannot start {command[0]}: {error.strerror}") from None
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports() -> dict[str, int]:
    """Ports that were free a moment ago, by listener."""
    with ExitStack() as stack:
        probes = {name: stack.enter_context(socket.socket()) for name in LISTENERS}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in probes.items()}


def wait_until_listening(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Waits for the file nginx.pid, which nginx writes when it listens.

    A connection would prove less: it may be another program that has the port.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (folder / "nginx.pid").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            said = last_line(folder / "nginx.log")
            raise Unready(f"nginx did not start on port {port}, try again: {said}")
        time.sleep(0.02)


def last_line(log: Path) -> str:
    """The last line in a file; a note if it is empty."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it printed nothing"


def delay_s(job: int) -> int:
    """How long the sleeping origin sleeps for an ID: SplitMix64's mixing steps, as in delay.go."""
    mask = (1 << 64) - 1
    mixed = (job + 0x9E3779B97F4A7C15) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    return (mixed ^ (mixed >> 31)) % 4


def ideal(requests: int, workers: int) -> tuple[float, float]:
    """When a client that loses no time would start its last request, and end its last, in seconds.

    Each worker takes the next ID the moment its request ends. The first start is at 0.
    """
    free_at = [0.0] * workers
    start = end = 0.0
    for job in range(requests):
        start = free_at[0]
        end = max(end, start + delay_s(job))
        heapq.heapreplace(free_at, start + delay_s(job))
    return start, end
