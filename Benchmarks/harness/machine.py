"""Facts of the machine and of the programs that were measured on it."""

import os
import platform
import resource
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / ".build" / "benchmarks"
"""Where `Benchmarks/prepare` puts everything."""
NOT_PEERS = {"matplotlib"}
"""Packages in requirements.txt that no peer uses."""


class Unready(Exception):
    """The machine is not ready to measure. The message is one line: what is wrong, what to do."""


def output(*command: str | Path) -> str:
    """What a command prints, standard error included, in one stripped string; "" if it fails."""
    try:
        result = subprocess.run(
            command, cwd=REPOSITORY, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def field(path: str, name: str, separator: str) -> str:
    """The first value of `name` in a file of lines `name separator value`; "" if there is none."""
    with open(path) as lines:
        for line in lines:
            key, _, value = line.partition(separator)
            if key.strip() == name:
                return value.strip().strip('"')
    return ""


def commit() -> str:
    """The commit that is checked out, "+ changes" if the files differ from it."""
    changes = " + changes" if output("git", "status", "--porcelain") else ""
    return (output("git", "rev-parse", "--short=10", "HEAD") or "unknown") + changes


def file_system(folder: Path) -> str:
    """The type of the file system that `folder` is on, such as ext4 or tmpfs."""
    best, kind = "", "unknown"
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            _, point, this_kind, *_ = line.split()
            inside = point == "/" or f"{folder}/".startswith(f"{point}/")
            if inside and len(point) >= len(best):
                best, kind = point, this_kind
    return kind


def packages() -> dict[str, str]:
    """The versions that this Python has of the peers' packages in requirements.txt, by name."""
    versions = {}
    for line in (REPOSITORY / "Benchmarks" / "requirements.txt").read_text().splitlines():
        name = line.partition("==")[0].strip()
        if name and not name.startswith("#") and name not in NOT_PEERS:
            try:
                versions[name] = version(name)
            except PackageNotFoundError:
                raise Unready(f"Python package {name} is missing: run Benchmarks/prepare") from None
    return versions


def facts() -> dict[str, str]:
    """What a reader needs to judge a figure, by name, in the order to print it."""
    cpu = field("/proc/cpuinfo", "model name", ":") or platform.machine()
    memory_kb = int(field("/proc/meminfo", "MemTotal", ":").split()[0])
    # The lines after the first are about libcurl, which has a row of its own.
    runner = output(FOLDER / "bin" / "runner", "--version").splitlines()[0]
    if "RUNNER_PRODUCTS" in os.environ:
        runner += " (from RUNNER_PRODUCTS: not built here, so perhaps of another commit)"
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "runner": runner,
        "CPU": f"{cpu}, {os.cpu_count()} cores",
        "memory": f"{memory_kb * 1024 / 1e9:.0f} GB",
        "disk": file_system(FOLDER),
        "kernel": platform.release(),
        "distribution": field("/etc/os-release", "PRETTY_NAME", "="),
        "libcurl": output("pkg-config", "--modversion", "libcurl"),
        "SQLite": output("pkg-config", "--modversion", "sqlite3"),
        "nginx": nginx_version(),
        "Go": output("go", "env", "GOVERSION").removeprefix("go"),
        "Python": platform.python_version(),
        **packages(),
    }


def nginx_version() -> str:
    """Debian puts nginx where only root's PATH looks."""
    for program in ("nginx", "/usr/sbin/nginx"):
        if text := output(program, "-v"):
            return text.rpartition("/")[2]
    return "unknown"


def markdown(facts: dict[str, str]) -> str:
    """The facts as one paragraph."""
    return "; ".join(f"{name} {value}" for name, value in facts.items()) + "."


def allow_descriptors(needed: int) -> None:
    """Raises the limit of open files to the hard one, for this process and those it starts.

    Throws `Unready` when that is less than `needed`.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Unready(
            f"{needed:,} open files are needed, the hard limit is {hard:,}: raise it "
            f"(as root: ulimit -Hn {needed}), or leave out the work with so many workers (--work)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def require_disk(folder: Path) -> None:
    """Throws `Unready` when `folder` is held in memory, where `fsync` costs nothing."""
    if file_system(folder) in ("tmpfs", "ramfs"):
        raise Unready(f"{folder} is in memory, so commits would cost nothing: clone onto a disk")
