"""An origin that pushes back, and writes down how it was asked.

    busy_origin.py bucket RATE BURST STATUS [RETRY-AFTER]
        allows RATE requests a second, BURST at once; refuses others with STATUS
    busy_origin.py tenth RETRY-AFTER
        refuses each tenth path once, with 503
    busy_origin.py deny STATUS
        answers STATUS to all requests without `Authorization: Bearer right`
    busy_origin.py away STATUS SECONDS
        answers STATUS to all requests for some seconds from the first one on
    busy_origin.py plain MILLISECONDS
        answers after a time

Prints the address it listens at. `/_/report` is answered with what was seen: `ok` and `refused`
answers, `early` requests for paths that had been told to wait for longer, paths that were answered
`twice`, requests by `agents` (their User-Agent), requests `in_flight`, `most_in_flight` and `most_in_a_second` of any second. `/_/reset` has
the latter two begin anew.
"""

import asyncio
import collections
import json
import sys
import time

REASONS = {200: "OK", 401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests",
           500: "Internal Server Error", 503: "Service Unavailable"}


class Origin:
    def __init__(self, mode, *values):
        self.mode = mode
        self.values = [float(value) for value in values]
        self.ok = collections.Counter()
        self.agents = collections.Counter()
        self.refused = self.early = self.in_flight = self.most_in_flight = 0
        self.told = {}
        self.times = []
        self.tokens = self.values[1] if mode == "bucket" else 0
        self.last = self.first = None

    def answer(self, path, head, now):
        """The status, the seconds to wait by Retry-After (None: no such field), and the pause."""
        if self.first is None:
            self.first = self.last = now
        values = self.values
        if self.mode == "bucket":
            rate, burst, status = values[:3]
            self.tokens = min(burst, self.tokens + rate * (now - self.last))
            self.last = now
            if self.tokens >= 1:
                self.tokens -= 1
                return 200, None, 0
            return int(status), values[3] if len(values) > 3 else None, 0
        if self.mode == "tenth" and path.endswith("0") and path not in self.told:
            return 503, values[0], 0
        if self.mode == "deny" and b"Bearer right" not in head:
            return int(values[0]), None, 0
        if self.mode == "away" and now - self.first < values[1]:
            return int(values[0]), None, 0
        return 200, None, values[0] / 1000 if self.mode == "plain" else 0

    def report(self):
        most = start = 0
        for end, moment in enumerate(self.times):
            while self.times[start] <= moment - 1:
                start += 1
            most = max(most, end - start + 1)
        return {
            "ok": sum(self.ok.values()), "refused": self.refused, "early": self.early,
            "twice": sum(1 for count in self.ok.values() if count > 1),
            "agents": self.agents, "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight, "most_in_a_second": most}


class Connection(asyncio.Protocol):
    def __init__(self, origin):
        self.origin = origin
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.asked(head)

    def asked(self, head):
        origin, now = self.origin, time.monotonic()
        path = head.split(b" ", 2)[1].decode()
        if path == "/_/reset":
            origin.most_in_flight, origin.times = origin.in_flight, []
        if path in ("/_/report", "/_/reset"):
            self.send(200, None, json.dumps(origin.report()).encode(), False)
            self.transport.close()
            return
        origin.times.append(now)
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"user-agent:"):
                origin.agents[line[11:].strip().decode()] += 1
        if path in origin.told and now < origin.told[path]:
            origin.early += 1
        origin.in_flight += 1
        origin.most_in_flight = max(origin.most_in_flight, origin.in_flight)
        status, wait, pause = origin.answer(path, head, now)
        if status == 200:
            origin.ok[path] += 1
        else:
            origin.refused += 1
            if wait is not None:
                origin.told[path] = now + wait
        if pause > 0:
            asyncio.get_running_loop().call_later(pause, self.send, status, wait, b"ok")
        else:
            self.send(status, wait, b"ok")

    def send(self, status, wait, body, is_counted=True):
        if is_counted:
            self.origin.in_flight -= 1
        fields = "" if wait is None else f"Retry-After: {wait:g}\r\n"
        head = f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)


async def main():
    origin = Origin(*sys.argv[1:])
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(origin), "127.0.0.1", 0, backlog=4096)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
