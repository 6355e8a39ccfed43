"""An HTTP/1.1 server that says byte for byte what it is told to, however wrong.

    raw_origin.py --plan plan.json [--port 0] [--certificate cert.pem]

The plan is `{"first": 1000000000, "jobs": {"1000000007": "case"}, "cases": [...]}`, cases as
corpus.py writes them. `/<id>` is answered with the case of that ID; every other ID from `first` on
with a small healthy 200 whose body is made of the ID (`corpus.healthy_body`).

With a certificate (PEM, with its key) it speaks HTTPS. Prints `listening on 127.0.0.1:PORT` when it does. `/_/counts` says how often each ID was asked for;
`/_/reset` forgets that. Ends at SIGTERM.
"""

import argparse
import asyncio
import collections
import json
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import urllib.request

import corpus

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Plan:
    """What is said to whom, and what was asked for."""

    def __init__(self, plan):
        self.first = plan["first"]
        cases = {value["name"]: corpus.Case.from_json(value) for value in plan["cases"]}
        self.jobs = {int(job_id): cases[name] for job_id, name in plan["jobs"].items()}
        self.numbers = {
            case.number: (job_id, case)
            for job_id, case in self.jobs.items() if case.number is not None
        }
        self.variables = {}
        self.compiled = {}
        # Of a curl test: the part its next reply is, when the last one said `swsbounce`.
        self.bounced = {}
        self.asked = collections.Counter()
        self.elsewhere = collections.Counter()
        # Of a healthy job, the cases that were answered last on the connections it came on.
        self.after = {}
        self.connections = 0
        self.connections_max = 0

    def reply(self, path, connection):
        """What to answer: bytes, or operations."""
        head, _, rest = path.split(b"?", 1)[0][1:].partition(b"/")
        job_id = int(head) if head.isdigit() else -1
        if job_id >= self.first:
            case = self.jobs.get(job_id)
            if not rest:
                self.asked[job_id] += 1
                if case is None:
                    if connection.case:
                        self.after.setdefault(job_id, []).append(connection.case)
                        connection.case = None
                    return healthy(job_id)
                connection.case = case.name
            else:
                self.elsewhere[path.decode("latin-1")] += 1
                if case is None:
                    return NOT_FOUND
            if case.number is not None:
                return self.numbered(job_id, case, 0, isFirst=True)
            name = rest.decode("latin-1")
            if not name and self.asked[job_id] > 1 and "again" in case.replies:
                name = "again"
            return self.operations(job_id, case, name)
        self.elsewhere[path.decode("latin-1")] += 1
        if path.startswith(b"/_/"):
            return self.control(path)
        # As curl's own test server: behind the last slash is a test, or a test and a part.
        found = re.match(rb"\d{1,12}", path[path.rfind(b"/") + 1:])
        number, part = int(found[0]) if found else 0, 0
        if number > 10000:
            number, part = divmod(number, 10000)
        if number in self.numbers:
            return self.numbered(*self.numbers[number], part, isFirst=False)
        return NOT_FOUND

    def numbered(self, job_id, case, part, isFirst):
        bounced = self.bounced.pop(job_id, None)
        if bounced is not None and not isFirst:
            part = bounced
        name = str(part) if part else ""
        reply = case.replies.get(name, [])
        if any(b"swsbounce" in operation[1] for operation in reply if operation[0] == "send"):
            self.bounced[job_id] = part + 1
        return self.operations(job_id, case, name)

    def operations(self, job_id, case, name):
        key = (job_id, name)
        if key not in self.compiled:
            reply = case.replies.get(name)
            self.compiled[key] = NOT_FOUND if reply is None else self.compile(reply, job_id)
        return self.compiled[key]

    def compile(self, reply, job_id):
        def filled(data):
            for name, value in (self.variables | {b"@ID@": b"%d" % job_id}).items():
                data = data.replace(name, value)
            return data

        operations = []
        for operation in reply:
            if operation[0] in ("send", "repeat"):
                operation = (operation[0], filled(operation[1]), *operation[2:])
            operations.append(operation)
        return operations

    def control(self, path):
        if path == b"/_/reset":
            self.asked.clear()
            self.elsewhere.clear()
            self.after.clear()
            self.bounced.clear()
            self.connections_max = self.connections
        counts = {
            "connections": self.connections, "connections_max": self.connections_max,
            "asked": self.asked, "elsewhere": self.elsewhere, "after": self.after,
        }
        return plain(json.dumps(counts).encode())


def plain(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def healthy(job_id):
    body = corpus.healthy_body(job_id)
    if job_id % 5:
        return plain(body)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        len(body), body)


class Connection(asyncio.Protocol):
    def __init__(self, plan):
        self.plan = plan
        self.buffer = b""
        self.transport = None
        self.task = None
        self.is_silent = False
        # The poison that was the last answer on it.
        self.case = None
        self.may_write = asyncio.Event()
        self.may_write.set()

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.plan.connections += 1
        self.plan.connections_max = max(self.plan.connections_max, self.plan.connections)

    def connection_lost(self, error):
        self.plan.connections -= 1
        self.may_write.set()
        if self.task:
            self.task.cancel()

    def pause_writing(self):
        self.may_write.clear()

    def resume_writing(self):
        self.may_write.set()

    def data_received(self, data):
        if self.is_silent:
            return
        self.buffer += data
        self.answer()

    def answer(self):
        """Answers what was asked for, one after another; GET has no body."""
        while self.task is None and not self.is_silent:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            words = self.buffer[:end].split(b"\r\n", 1)[0].split(b" ")
            self.buffer = self.buffer[end + 4:]
            path = words[1] if len(words) == 3 and words[1].startswith(b"/") else b"/"
            reply = self.plan.reply(path, self)
            if isinstance(reply, bytes):
                self.transport.write(reply)
            elif all(operation[0] == "send" for operation in reply):
                for operation in reply:
                    self.transport.write(operation[1])
            else:
                self.task = asyncio.get_running_loop().create_task(self.perform(reply))

    async def perform(self, reply):
        for operation in reply:
            match operation[0]:
                case "send":
                    self.transport.write(operation[1])
                case "pause":
                    await asyncio.sleep(operation[1])
                case "repeat":
                    await self.repeat(*operation[1:])
                case "close":
                    self.is_silent = True
                    self.transport.close()
                case "reset":
                    self.is_silent = True
                    self.transport.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.transport.abort()
                case "silence":
                    self.is_silent = True
            await self.may_write.wait()
            if self.transport.is_closing():
                return
        self.task = None
        self.answer()

    async def repeat(self, data, count, seconds):
        sent = 0
        while (sent < count or count == 0) and not self.transport.is_closing():
            self.transport.write(data)
            sent += 1
            # Also lets others have their turn.
            await asyncio.sleep(seconds)
            await self.may_write.wait()


async def serve(plan, port, certificate=None):
    loop = asyncio.get_running_loop()
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    dead = socket.socket()
    # Bound and not listening: refuses, and nobody else gets it.
    dead.bind(("127.0.0.1", 0))
    server = await loop.create_server(
        lambda: Connection(plan), "127.0.0.1", port, backlog=4096, reuse_address=True, ssl=context)
    port = server.sockets[0].getsockname()[1]
    scheme = b"https" if certificate else b"http"
    plan.variables = {
        b"@PORT@": b"%d" % port, b"@DEAD@": b"%d" % dead.getsockname()[1],
        b"@SCHEME@": scheme, b"@UPPER-SCHEME@": scheme.upper(),
    }
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await stop.wait()
    server.close()
    dead.close()


class Origin:
    """The origin as a process of its own, for those who ask it; a context manager."""

    def __init__(self, plan_path, certificate=None):
        arguments = ["--certificate", certificate] if certificate else []
        self.trust = ssl.create_default_context(cafile=certificate) if certificate else None
        self.process = subprocess.Popen(
            [sys.executable, "-B", __file__, "--plan", plan_path, *arguments],
            stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline().rsplit(b":", 1)[1])
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def counts(self):
        with urllib.request.urlopen(
                f"{self.url}/_/counts", timeout=30, context=self.trust) as answer:
            return json.load(answer)


def write_plan(path, cases, jobs):
    """`jobs` says which IDs get which case, by name."""
    plan = {
        "first": corpus.FIRST_ID, "jobs": {str(job_id): name for job_id, name in jobs.items()},
        "cases": [case.to_json() for case in cases],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(plan, file)


def main():
    # Thousands of connections.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plan", help="a JSON file; without one, every ID is healthy")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", help="PEM, with its key: speaks HTTPS")
    arguments = parser.parse_args()
    plan = {"first": corpus.FIRST_ID, "jobs": {}, "cases": []}
    if arguments.plan:
        with open(arguments.plan, encoding="utf-8") as file:
            plan = json.load(file)
    asyncio.run(serve(Plan(plan), arguments.port, arguments.certificate))


if __name__ == "__main__":
    sys.exit(main())
