"""An origin that speaks HTTP/2 by TLS, and takes streams back.

    h2_origin.py CERT KEY goaway STREAMS [ERROR]
        takes so many streams a connection; then sends GOAWAY, with an error code (0 without it), and
        ignores all streams beyond the last it took
    h2_origin.py CERT KEY hangup STREAMS
        the same, and closes the connection as soon as it has answered what it took
    h2_origin.py CERT KEY refuse TIMES
        refuses each path so many times with RST_STREAM REFUSED_STREAM

Prints the port that it listens at by HTTP/2, and that of its report by plain HTTP: `ok` answers,
`posted` of them by POST, paths that were answered `twice`, streams taken back (`refused`),
`connections`, and `most_in_flight` streams of all connections.
"""

import asyncio
import collections
import json
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from hyperframe.frame import GoAwayFrame

PAUSE = 0.01
REFUSED_STREAM = 7


class Origin:
    def __init__(self, mode, *values):
        self.mode = mode
        self.values = [int(value) for value in values]
        self.ok = collections.Counter()
        self.told = collections.Counter()
        self.posted = self.refused = self.connections = self.in_flight = self.most_in_flight = 0

    def report(self):
        return {
            "ok": sum(self.ok.values()), "posted": self.posted,
            "twice": sum(1 for count in self.ok.values() if count > 1), "refused": self.refused,
            "connections": self.connections, "most_in_flight": self.most_in_flight}


class Connection(asyncio.Protocol):
    def __init__(self, origin):
        self.origin = origin
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.taken = self.open = 0
        self.last = None
        self.asked = {}

    def connection_made(self, transport):
        self.transport = transport
        self.origin.connections += 1
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1000})
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def data_received(self, data):
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.flush()
            self.transport.close()
            return
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                self.asked[event.stream_id] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.take(event.stream_id, self.asked.pop(event.stream_id))
        self.flush()

    def take(self, stream, head):
        origin, path = self.origin, head[":path"]
        if origin.mode == "refuse":
            if origin.told[path] < origin.values[0]:
                origin.told[path] += 1
                origin.refused += 1
                self.h2.reset_stream(stream, error_code=REFUSED_STREAM)
                return
        elif self.last is not None:
            origin.refused += 1
            return
        self.taken += 1
        self.open += 1
        origin.in_flight += 1
        origin.most_in_flight = max(origin.most_in_flight, origin.in_flight)
        asyncio.get_running_loop().call_later(PAUSE, self.answer, stream, head)
        if origin.mode != "refuse" and self.taken == origin.values[0]:
            self.last = stream
            error = origin.values[1] if len(origin.values) > 1 else 0
            self.flush()
            self.transport.write(
                GoAwayFrame(0, last_stream_id=stream, error_code=error).serialize())

    def answer(self, stream, head):
        origin = self.origin
        self.open -= 1
        origin.in_flight -= 1
        if self.transport.is_closing():
            return
        try:
            self.h2.send_headers(stream, [(":status", "200"), ("content-length", "2")])
            self.h2.send_data(stream, b"ok", end_stream=True)
        except h2.exceptions.H2Error:
            return
        origin.ok[head[":path"]] += 1
        origin.posted += head[":method"] == "POST"
        self.flush()
        if origin.mode == "hangup" and self.last is not None and self.open == 0:
            self.transport.close()


async def tell(origin, reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    body = json.dumps(origin.report()).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    writer.close()


async def main():
    certificate, key, *rest = sys.argv[1:]
    origin = Origin(*rest)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(origin), "127.0.0.1", 0, backlog=4096, ssl=context)
    report = await asyncio.start_server(
        lambda reader, writer: tell(origin, reader, writer), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], report.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
