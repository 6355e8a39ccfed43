"""A DNS server on loopback that answers as the name it is asked for says.

    name_server.py [--port 0] [--log FILE] [--as LABELS] [--zone NAME]

Prints `listening on 127.0.0.1:PORT control CONTROL`: UDP and TCP on PORT, and on the TCP port
CONTROL of the same address `GET /counts` (JSON: queries by name, type and transport) and
`GET /reset`.

A name ends in `.test`; its labels before that are read from the left, and those that are no
behaviour are ignored, so `k17` in `slow-200.k17.test` only makes a name of its own:

    a-127-0-0-2        this IPv4 address; several labels, several addresses (else 127.0.0.1)
    aaaa-1             the IPv6 address ::1 (hexadecimal groups behind `aaaa-`, "" before the last)
    v6only             no IPv4 address: A is NODATA, AAAA is ::1
    both               127.0.0.1 and ::1
    many-40            so many addresses, 127.0.1.1 and on
    ttl-5, ttl-0       the answers' TTL in seconds (else 60)
    turn-3             another address every 3 s: 127.0.0.1, 127.0.0.2, … 127.0.0.9, and again
    then-127-0-0-1     this IPv4 address from the second query of the name and type on
    each               another address with each query
    nx                 NXDOMAIN, with an SOA whose negative TTL is that of `ttl-N`
    nodata             no error and no answer, with an SOA
    servfail refused notimp formerr      that RCODE
    flaky-3            SERVFAIL, but for every third query of the name
    nx-then-ok-2       NXDOMAIN for the first two queries of the name and type, then well
    silent             no answer ever
    silent-3           no answer to the first three queries of the name and type, then well
    slow-200           the answer after 200 ms
    slow6-200          that of a query of AAAA, whatever else is said of it
    tc                 truncated over UDP, whole over TCP
    tc-only            truncated over UDP, and TCP is closed without an answer
    garbage            a packet that is no DNS
    empty              a packet of no bytes (TCP: closes)
    short              a header that is cut
    wrong-id           the answer, under another ID
    wrong-question     the answer, to another question
    wrong-then-right   the answer under another ID, and then as it should be
    no-question        the answer without its question
    bad-pointer        the answer, with a name that points behind the packet
    loop-pointer       the answer, with a name that points to itself
    long-length        the answer, with an address longer than the packet
    cname-3            three aliases, and then the addresses
    cname-loop         two aliases of each other
    cname-out          an alias of a name that does not exist
    alias-NAME         an alias of NAME.test, `_` for a dot
    for4, for6         all of this for queries of A (of AAAA) alone: others are answered well

Programs ask at port 53 of the servers in /etc/resolv.conf. Without touching the machine's:

    name_server.py --host 127.0.0.53 --port 53 &
    echo 'nameserver 127.0.0.53' >resolv.conf
    unshare -m sh -c 'mount --bind resolv.conf /etc/resolv.conf && exec "$0" "$@"' PROGRAM ...

`--as slow-200` has it read these labels in front of every name's own: a server that is slow, or
that refuses everything.

With `--zone example.com`, names that do not end so are NXDOMAIN.

An address record's type that was not asked for is NODATA, as with any name server. Only GETs of the
control port and what it is asked count; all of it is bound to loopback.
"""

import argparse
import asyncio
import collections
import ipaddress
import json
import signal
import socket
import struct
import sys
import time

A, NS, CNAME, SOA, AAAA, OPT = 1, 2, 5, 6, 28, 41
TYPES = {A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", AAAA: "AAAA"}
RCODES = {"formerr": 1, "servfail": 2, "nx": 3, "notimp": 4, "refused": 5}
# What a client without EDNS takes over UDP (RFC 1035 2.3.4).
UDP_BYTES = 512


class Question:
    """What was asked: the first question of a query, as almost all have one."""

    def __init__(self, packet):
        self.id, self.flags, questions = struct.unpack("!HHH", packet[:6])
        if questions < 1 or self.flags & 0x8000:
            raise ValueError("no query")
        labels = []
        at = 12
        while packet[at]:
            length = packet[at]
            if length > 63:
                raise ValueError("a compressed question")
            labels.append(packet[at + 1:at + 1 + length].decode("latin-1"))
            at += 1 + length
        self.type, self.klass = struct.unpack("!HH", packet[at + 1:at + 5])
        self.bytes = packet[12:at + 5]
        # As asked, in whatever case: resolvers check that it comes back so.
        self.name = ".".join(labels)


def name_bytes(name):
    return b"".join(
        bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label) + b"\0"


def record(name, kind, ttl, data):
    """A resource record (RFC 1035 3.2.1); `name` is a name or its bytes."""
    name = name if isinstance(name, bytes) else name_bytes(name)
    return name + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def soa(ttl):
    """What makes a "no" cacheable (RFC 2308 3): its TTL, and its last number."""
    numbers = struct.pack("!IIIII", 1, 3600, 600, 86400, ttl)
    return record("test", SOA, ttl, name_bytes("ns.test") + name_bytes("root.test") + numbers)


class Behaviour:
    """A name's labels, read."""

    def __init__(self, name):
        self.addresses = []
        self.later = []
        self.words = {}
        for label in name.lower().split("."):
            word, _, rest = label.partition("-")
            if word == "a" and rest:
                self.addresses.append(ipaddress.IPv4Address(rest.replace("-", ".")))
            elif word == "aaaa" and rest:
                groups = rest.split("-")
                text = "::" + groups[0] if len(groups) == 1 else ":".join(groups)
                self.addresses.append(ipaddress.IPv6Address(text))
            elif word == "then" and rest:
                self.later.append(ipaddress.IPv4Address(rest.replace("-", ".")))
            elif word == "alias":
                self.words["alias"] = rest.replace("_", ".") + ".test"
            else:
                # `nx-then-ok-2` is a word with a number; `tc-only` one without.
                head, _, number = label.rpartition("-")
                if head and number.isdigit():
                    self.words[head] = int(number)
                else:
                    self.words[label] = None

    def is_for(self, kind):
        """Whether a query of this type gets it."""
        only = [type for word, type in (("for4", A), ("for6", AAAA)) if self.has(word)]
        return not only or kind in only

    def has(self, word):
        return word in self.words

    def number(self, word, default=None):
        value = self.words.get(word)
        return default if value is None else value


class NameServer:
    def __init__(self, log=None, labels="", zone=""):
        self.log = log
        self.zone = zone.lower()
        self.labels = labels
        self.reset()

    def reset(self):
        self.queries = collections.Counter()
        self.types = collections.Counter()
        self.transports = collections.Counter()
        # Of a name and type.
        self.times = collections.Counter()

    def counts(self):
        return {
            "total": self.queries.total(), "names": self.queries, "types": self.types,
            "transports": self.transports,
        }

    def answer(self, packet, is_tcp, now):
        """The packets to send and after how many seconds; `None` for a packet closes TCP."""
        try:
            question = Question(packet)
        except (ValueError, IndexError, struct.error):
            return 0, []
        name = question.name.lower()
        transport = "tcp" if is_tcp else "udp"
        self.queries[name] += 1
        self.types[TYPES.get(question.type, str(question.type))] += 1
        self.transports[transport] += 1
        key = (name, question.type)
        self.times[key] += 1
        if self.log:
            kind = TYPES.get(question.type, question.type)
            self.log.write(f"{now:.6f} {transport} {kind} {name}\n")
            self.log.flush()
        try:
            is_ours = ("." + name).endswith("." + self.zone) if self.zone else True
            behaviour = Behaviour(f"{self.labels}.{name}" if is_ours else "nx")
            millis = behaviour.number("slow", 0)
            if question.type == AAAA:
                millis += behaviour.number("slow6", 0)
            if not behaviour.is_for(question.type):
                behaviour = Behaviour("test")
        except ValueError:
            return 0, [self.reply(question, rcode=RCODES["formerr"])]
        return millis / 1000, self.packets(
            question, behaviour, self.times[key], is_tcp, now)

    def packets(self, question, behaviour, times, is_tcp, now):
        has, number = behaviour.has, behaviour.number
        if has("silent") and times <= number("silent", sys.maxsize):
            return []
        if has("empty"):
            return [None if is_tcp else b""]
        if has("garbage"):
            return [b"\xff" * 40]
        if has("tc-only"):
            return [None if is_tcp else self.reply(question, is_truncated=True)]
        if has("tc") and not is_tcp:
            return [self.reply(question, is_truncated=True)]
        whole = self.well(question, behaviour, times, now)
        if has("short"):
            return [whole[:9]]
        if has("wrong-then-right"):
            return [self.under_another_id(whole), whole]
        if has("wrong-id"):
            return [self.under_another_id(whole)]
        if not is_tcp and len(whole) > UDP_BYTES:
            return [self.reply(question, is_truncated=True)]
        return [whole]

    @staticmethod
    def under_another_id(packet):
        return struct.pack("!H", struct.unpack("!H", packet[:2])[0] ^ 0x5555) + packet[2:]

    def well(self, question, behaviour, times, now):
        """The answer, or the refusal, that the name asks for."""
        has, number = behaviour.has, behaviour.number
        ttl = number("ttl", 60)
        for word, rcode in RCODES.items():
            if has(word):
                return self.reply(
                    question, rcode=rcode, authority=[soa(ttl)] if word == "nx" else [])
        if has("flaky") and times % number("flaky", 3):
            return self.reply(question, rcode=RCODES["servfail"])
        if has("nx-then-ok") and times <= number("nx-then-ok", 1):
            return self.reply(question, rcode=RCODES["nx"], authority=[soa(ttl)])
        if has("nodata"):
            return self.reply(question, authority=[soa(ttl)])
        owner = question.name
        answers = []
        if has("alias") or has("cname-loop") or has("cname-out") or has("cname"):
            chain = self.chain(owner, behaviour)
            answers = [
                record(name, CNAME, ttl, name_bytes(target))
                for name, target in zip(chain, chain[1:])
            ]
            owner = chain[-1]
            if has("cname-loop") or question.type == CNAME:
                return self.reply(question, answers)
            if has("cname-out"):
                return self.reply(
                    question, answers, rcode=RCODES["nx"], authority=[soa(ttl)])
        addresses = self.addresses(behaviour, times, now)
        version = {A: 4, AAAA: 6}.get(question.type)
        if has("wrong-question"):
            question.bytes = name_bytes("other.test") + struct.pack("!HH", question.type, 1)
        if has("no-question"):
            question.bytes = b""
        owner = {"bad-pointer": b"\xff\xff", "loop-pointer": None}.get(
            next((word for word in ("bad-pointer", "loop-pointer") if has(word)), ""), owner)
        if owner is None:
            # It stands right behind the question, and points there.
            owner = struct.pack("!H", 0xC000 | 12 + len(question.bytes))
        found = [
            record(owner, question.type, ttl, address.packed)
            for address in addresses if address.version == version
        ]
        if has("long-length") and found:
            size = 4 if version == 4 else 16
            found[-1] = found[-1][:-size - 2] + struct.pack("!H", 1000) + found[-1][-size:]
        if not found:
            return self.reply(question, answers, authority=[soa(ttl)])
        return self.reply(question, answers + found)

    @staticmethod
    def chain(owner, behaviour):
        """Names, each an alias of the next."""
        if behaviour.has("alias"):
            return [owner, behaviour.words["alias"]]
        if behaviour.has("cname-loop"):
            return [owner, "b." + owner, owner]
        if behaviour.has("cname-out"):
            return [owner, "nx." + owner]
        return [owner] + [f"c{n}.{owner}" for n in range(1, behaviour.number("cname", 1) + 1)]

    @staticmethod
    def addresses(behaviour, times, now):
        has, number = behaviour.has, behaviour.number
        loopback = ipaddress.IPv4Address("127.0.0.1")
        if has("v6only"):
            return [ipaddress.IPv6Address("::1")]
        if has("both"):
            return [loopback, ipaddress.IPv6Address("::1")]
        if has("many"):
            first = ipaddress.IPv4Address("127.0.1.1")
            return [first + n for n in range(number("many", 10))]
        if has("turn"):
            return [loopback + int(now / max(1, number("turn", 1))) % 9]
        if has("each"):
            return [loopback + (times - 1) % 9]
        if behaviour.later and times > 1:
            return behaviour.later
        return behaviour.addresses or [loopback]

    @staticmethod
    def reply(question, answers=(), rcode=0, authority=(), is_truncated=False):
        flags = 0x8480 | (question.flags & 0x0100) | (0x0200 if is_truncated else 0) | rcode
        head = struct.pack(
            "!HHHHHH", question.id, flags, 1 if question.bytes else 0, len(answers),
            len(authority), 0)
        return head + question.bytes + b"".join(answers) + b"".join(authority)


class UDP(asyncio.DatagramProtocol):
    def __init__(self, server, udp):
        self.server = server
        # Packets of no bytes are nothing to asyncio, which drops them.
        self.udp = udp

    def datagram_received(self, data, address):
        seconds, packets = self.server.answer(data, False, time.time())
        for packet in packets:
            if seconds:
                asyncio.get_running_loop().call_later(seconds, self.send, packet, address)
            else:
                self.send(packet, address)

    def send(self, packet, address):
        try:
            self.udp.sendto(packet, address)
        except OSError:
            pass  # a full buffer loses it, as networks do

    def error_received(self, error):
        """The one who asked has gone; no other is concerned."""


async def over_tcp(server, reader, writer):
    def send(packets):
        for packet in packets:
            if packet is None:
                writer.close()
            elif not writer.is_closing():
                writer.write(struct.pack("!H", len(packet)) + packet)

    try:
        while True:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            seconds, packets = server.answer(await reader.readexactly(length), True, time.time())
            # A slow answer does not hold up those to later queries (RFC 7766 6.2.1.1).
            if seconds:
                asyncio.get_running_loop().call_later(seconds, send, packets)
            else:
                send(packets)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def control(server, reader, writer):
    try:
        request = await reader.readuntil(b"\r\n\r\n")
        if request.startswith(b"GET /reset "):
            server.reset()
        body = json.dumps(server.counts()).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
            % (len(body), body))
        await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(server, port, host):
    loop = asyncio.get_running_loop()
    while True:
        tcp = await asyncio.start_server(
            lambda r, w: over_tcp(server, r, w), host, port, backlog=512)
        number = tcp.sockets[0].getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        try:
            udp.bind((host, number))
            break
        except OSError:
            # Somebody has the same port of UDP; a fixed one is not to be changed.
            udp.close()
            tcp.close()
            if port:
                raise
    udp.setblocking(False)
    transport, _ = await loop.create_datagram_endpoint(lambda: UDP(server, udp), sock=udp)
    counts = await asyncio.start_server(lambda r, w: control(server, r, w), host, 0)
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    print(f"listening on {host}:{number} control {counts.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    transport.close()
    tcp.close()
    counts.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1", help="an address of 127.0.0.0/8")
    parser.add_argument("--log", help="a file for a line a query")
    parser.add_argument("--as", dest="labels", default="", help="labels in front of every name")
    parser.add_argument("--zone", default="", help="the only names that there are end so")
    arguments = parser.parse_args()
    if not ipaddress.ip_address(arguments.host).is_loopback:
        parser.error("--host is to be a loopback address")
    log = open(arguments.log, "a", encoding="utf-8") if arguments.log else None
    asyncio.run(serve(NameServer(log, arguments.labels, arguments.zone), arguments.port, arguments.host))


if __name__ == "__main__":
    sys.exit(main())
