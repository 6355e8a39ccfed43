"""A PostgreSQL server for Benchmarks/fleet, and what it spends."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """A server with the settings that it comes with, but for connections; `fsync` is on."""

    def __init__(self, connections: int = 700):
        self.bin = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
        self.folder = Path(tempfile.mkdtemp(prefix="runner-fleet-", dir="/tmp"))
        self.port = free_port()
        user = None
        if os.geteuid() == 0:  # the server refuses to run as root
            user = "postgres"
            os.chown(self.folder, pwd.getpwnam(user).pw_uid, -1)
        self.user = user
        subprocess.run(
            [self.bin / "initdb", "-D", self.folder / "data", "-U", "runner", "-A", "trust",
             "-E", "UTF8", "--locale=C"],
            user=user, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            [self.bin / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k",
             self.folder, "-c", "listen_addresses=127.0.0.1", "-c",
             f"max_connections={connections}"],
            user=user, stdout=log, stderr=log, cwd=self.folder)
        while subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                              str(self.port)]).returncode:
            time.sleep(0.05)
        self.databases = 0

    def stop(self) -> None:
        self.process.terminate()
        subprocess.run([self.bin / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop"],
                       user=self.user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self) -> str:
        self.databases += 1
        self.sql(f"CREATE DATABASE queue{self.databases}", "postgres")
        return f"queue{self.databases}"

    def url(self, database: str) -> str:
        return f"postgres://runner@127.0.0.1:{self.port}/{database}"

    def psql(self, database: str) -> list[str]:
        return ["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "runner", "-qAtX", "-v",
                "ON_ERROR_STOP=1", database]

    def sql(self, text: str, database: str) -> str:
        return subprocess.run(self.psql(database), input=text, text=True, check=True,
                              capture_output=True).stdout.strip()

    def wal_bytes(self) -> int:
        return int(self.sql("SELECT pg_current_wal_insert_lsn() - '0/0'", "postgres"))

    def cpu_seconds(self) -> float:
        """Of the server and all its processes, those that have ended included."""
        before, now = {}, self.ticks()
        # One that ends between two looks would count with neither: as its own, or as its parent's.
        while before.keys() != now.keys():
            before, now = now, self.ticks()
        return sum(now.values()) / TICKS

    def ticks(self) -> dict[int, int]:
        """The CPU time of each process; the first one's is with that of children it waited for."""
        ticks = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            pid = int(entry.name)
            if pid == self.process.pid:
                ticks[pid] = sum(map(int, fields[11:15]))
            elif int(fields[1]) == self.process.pid:
                ticks[pid] = sum(map(int, fields[11:13]))
        return ticks
