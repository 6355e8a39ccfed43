"""A proxy on loopback that forwards, tunnels, refuses, and tells what it was asked for.

    proxy.py [--port 0] [--user USER:PASSWORD] [--answer HOST=STATUS] [--silent HOST] [--tls PEM]

Prints `listening on 127.0.0.1:PORT control CONTROL`. It speaks HTTP (absolute-form and CONNECT),
SOCKS4, 4a and 5 on PORT; on CONTROL `GET /seen` gives JSON: the lists of `plain` URLs, of `connect`
targets, of `socks` targets (`5 name host:port`) and of `peers`, an address for each connection, and the
numbers of `denied` requests and of `authorization` fields.

    --user      asks for these credentials: 407, or the refusal of SOCKS5
    --answer    answers CONNECT to this host with this status; may be given several times
    --silent    never answers CONNECT to this host; * for all
    --tls       takes its connections by TLS, with the certificate and key of this file

Only loopback is connected to: any other address stands for 127.0.0.1, and so does any name.
"""

import argparse
import asyncio
import base64
import json
import ssl


class Proxy:
    def __init__(self, options):
        self.user = options.user
        self.answers = dict(item.rsplit("=", 1) for item in options.answer)
        self.silent = options.silent
        self.seen = {"plain": [], "connect": [], "socks": [], "denied": 0, "authorization": 0,
                     "peers": []}

    async def serve(self, reader, writer):
        self.seen["peers"].append(writer.get_extra_info("peername")[0])
        try:
            first = await reader.readexactly(1)
            if first == b"\x05":
                await self.socks5(reader, writer)
            elif first == b"\x04":
                await self.socks4(reader, writer)
            else:
                await self.http(first, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            pass
        finally:
            writer.close()

    async def reach(self, port):
        return await asyncio.open_connection("127.0.0.1", port)

    # HTTP

    async def http(self, first, reader, writer):
        while True:
            head = first + await reader.readuntil(b"\r\n\r\n")
            first = b""
            line, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            method, target, _ = line.split(" ", 2)
            values = {name.lower(): value.strip() for name, _, value in
                      (field.partition(":") for field in fields)}
            if not self.admits(values):
                body = b"proxy says no"
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: "
                             b"Basic realm=\"test\"\r\nContent-Length: %d\r\n\r\n%s"
                             % (len(body), body))
                await writer.drain()
                continue
            if method == "CONNECT":
                if not await self.tunnel(target, reader, writer):
                    continue
                return
            await self.forward(method, target, fields, writer)

    def admits(self, values):
        given = values.get("proxy-authorization")
        self.seen["authorization"] += given is not None
        if self.user is None:
            return True
        if given == "Basic " + base64.b64encode(self.user.encode()).decode():
            return True
        self.seen["denied"] += 1
        return False

    async def tunnel(self, target, reader, writer):
        self.seen["connect"].append(target)
        host, _, port = target.rpartition(":")
        if self.silent in (host, "*"):
            await reader.read()
            return True
        if host in self.answers:
            writer.write(b"HTTP/1.1 %s No\r\nContent-Length: 0\r\n\r\n"
                         % self.answers[host].encode())
            await writer.drain()
            return False
        try:
            ends = await self.reach(int(port))
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return False
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await self.join(reader, writer, *ends)
        return True

    async def forward(self, method, target, fields, writer):
        self.seen["plain"].append(target)
        place, _, path = target.partition("://")[2].partition("/")
        host, _, port = place.rpartition("@")[2].rpartition(":")
        try:
            origin_reader, origin = await self.reach(int(port) if host else 80)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        kept = [field for field in fields if not field.lower().startswith(("proxy-", "connection:"))]
        lines = [f"{method} /{path} HTTP/1.1"] + kept + ["Connection: close", "", ""]
        origin.write("\r\n".join(lines).encode("latin-1"))
        answer = await origin_reader.read()
        origin.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n")
                 if not line.lower().startswith((b"connection:", b"content-length:"))]
        writer.write(b"\r\n".join(lines + [b"Content-Length: %d" % len(body), b"", b""]) + body)
        await writer.drain()

    # SOCKS

    async def socks5(self, reader, writer):
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        if self.user is not None and 2 not in methods:
            self.seen["denied"] += 1
            writer.write(b"\x05\xff")
            return
        writer.write(b"\x05\x02" if self.user is not None else b"\x05\x00")
        if self.user is not None:
            await reader.readexactly(1)
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            is_known = (user + b":" + password).decode() == self.user
            self.seen["denied"] += not is_known
            writer.write(b"\x01\x00" if is_known else b"\x01\x01")
            if not is_known:
                return
        kind = (await reader.readexactly(4))[3]
        if kind == 3:
            word, host = "name", (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            word = "address"
            host = ".".join(str(byte) for byte in await reader.readexactly(4 if kind == 1 else 16))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.seen["socks"].append(f"5 {word} {host}:{port}")
        await self.answer(reader, writer, port, b"\x05\x00\x00\x01" + bytes(6),
                          b"\x05\x05\x00\x01" + bytes(6))

    async def socks4(self, reader, writer):
        head = await reader.readexactly(7)
        port = int.from_bytes(head[1:3], "big")
        await reader.readuntil(b"\0")
        word, host = "address", ".".join(str(byte) for byte in head[3:7])
        if head[3:6] == b"\0\0\0":
            word, host = "name", (await reader.readuntil(b"\0"))[:-1].decode()
        self.seen["socks"].append(f"4 {word} {host}:{port}")
        await self.answer(reader, writer, port, b"\x00\x5a" + bytes(6), b"\x00\x5b" + bytes(6))

    async def answer(self, reader, writer, port, well, ill):
        try:
            ends = await self.reach(port)
        except OSError:
            writer.write(ill)
            return
        writer.write(well)
        await self.join(reader, writer, *ends)

    async def join(self, reader, writer, other_reader, other):
        async def pump(source, sink):
            try:
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            except (ConnectionError, OSError):
                pass
            finally:
                sink.close()

        await asyncio.gather(pump(reader, other), pump(other_reader, writer))

    async def control(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps(self.seen).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                     % (len(body), body))
        await writer.drain()
        writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user")
    parser.add_argument("--answer", action="append", default=[])
    parser.add_argument("--silent")
    parser.add_argument("--tls")
    options = parser.parse_args()
    proxy = Proxy(options)
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.tls)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", options.port, ssl=context,
                                        backlog=1000)
    control = await asyncio.start_server(proxy.control, "127.0.0.1", 0)
    port, controlled = (each.sockets[0].getsockname()[1] for each in (server, control))
    print(f"listening on 127.0.0.1:{port} control {controlled}", flush=True)
    await asyncio.gather(server.serve_forever(), control.serve_forever())


asyncio.run(main())
