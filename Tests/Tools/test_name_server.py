"""name_server.py answers as its names say, asked with packets made here."""

import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
import time
import unittest
import urllib.request

A, CNAME, SOA, AAAA = 1, 5, 6, 28


def query(name, kind, number=0x1234):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + struct.pack(
        "!BHH", 0, kind, 1)


def read_name(packet, at):
    """A name and where what follows begins."""
    labels = []
    end = None
    for _ in range(64):
        length = packet[at]
        if length == 0:
            return ".".join(labels), end or at + 1
        if length >= 0xC0:
            end = end or at + 2
            at = struct.unpack("!H", packet[at:at + 2])[0] & 0x3FFF
        else:
            labels.append(packet[at + 1:at + 1 + length].decode())
            at += 1 + length
    raise ValueError("a name that does not end")


class Answer:
    def __init__(self, packet):
        self.id, flags, questions, answers, authority, _ = struct.unpack("!HHHHHH", packet[:12])
        self.rcode = flags & 15
        self.is_truncated = bool(flags & 0x0200)
        self.questions = []
        at = 12
        for _ in range(questions):
            name, at = read_name(packet, at)
            self.questions.append(name)
            at += 4
        self.answers, at = self.records(packet, at, answers)
        self.authority, _ = self.records(packet, at, authority)

    @staticmethod
    def records(packet, at, count):
        """Of each: name, type, TTL, and its address or name."""
        found = []
        for _ in range(count):
            name, at = read_name(packet, at)
            kind, _, ttl, length = struct.unpack("!HHIH", packet[at:at + 10])
            data = packet[at + 10:at + 10 + length]
            if len(data) < length:
                raise ValueError("a record that is cut")
            value = data
            if kind in (A, AAAA):
                value = str(ipaddress.ip_address(data))
            elif kind == CNAME:
                value, _ = read_name(packet, at + 10)
            found.append((name, kind, ttl, value))
            at += 10 + length
        return found, at

    @property
    def addresses(self):
        return [value for _, kind, _, value in self.answers if kind in (A, AAAA)]


class NameServerTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "name_server.py")
        cls.process = subprocess.Popen([sys.executable, "-B", script], stdout=subprocess.PIPE)
        words = cls.process.stdout.readline().decode().split()
        cls.port, cls.control = int(words[2].rsplit(":", 1)[1]), int(words[4])

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait()
        cls.process.stdout.close()

    def setUp(self):
        self.get("reset")

    def get(self, what):
        url = f"http://127.0.0.1:{self.control}/{what}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def packets(self, name, kind=A, seconds=0.3, count=1):
        """What comes back over UDP."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(seconds)
            udp.sendto(query(name, kind), ("127.0.0.1", self.port))
            found = []
            try:
                while len(found) < count:
                    found.append(udp.recv(65_536))
            except TimeoutError:
                pass
            return found

    def ask(self, name, kind=A, seconds=2):
        return Answer(self.packets(name, kind, seconds)[0])

    def ask_tcp(self, name, kind=A):
        """The answer over TCP, `None` when it closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as tcp:
            packet = query(name, kind)
            tcp.sendall(struct.pack("!H", len(packet)) + packet)
            with tcp.makefile("rb") as file:
                head = file.read(2)
                return Answer(file.read(struct.unpack("!H", head)[0])) if head else None

    def test_addresses(self):
        for name, kind, expected in [
            ("k1.test", A, ["127.0.0.1"]), ("k1.test", AAAA, []),
            ("a-127-0-0-2.x.test", A, ["127.0.0.2"]), ("aaaa-1.test", AAAA, ["::1"]),
            ("a-127-0-0-2.a-127-0-0-3.test", A, ["127.0.0.2", "127.0.0.3"]),
            ("v6only.test", A, []), ("v6only.test", AAAA, ["::1"]),
            ("both.test", A, ["127.0.0.1"]), ("both.test", AAAA, ["::1"]),
        ]:
            answer = self.ask(name, kind)
            self.assertEqual((answer.rcode, answer.addresses), (0, expected), name)
            self.assertEqual((answer.id, answer.questions), (0x1234, [name]))
            if not expected:
                self.assertEqual([kind for _, kind, _, _ in answer.authority], [SOA])

    def test_caseIsKept(self):
        answer = self.ask("K1.TeSt")
        self.assertEqual((answer.questions, answer.answers[0][0]), (["K1.TeSt"], "K1.TeSt"))

    def test_ttl(self):
        for name, ttl in [("k.test", 60), ("ttl-0.k.test", 0), ("ttl-5.k.test", 5)]:
            self.assertEqual(self.ask(name).answers[0][2], ttl)
        self.assertEqual(self.ask("nx.ttl-7.test").authority[0][2], 7)

    def test_refusals(self):
        for name, rcode, has_soa in [
            ("nx.k17.test", 3, True), ("servfail.k.test", 2, False), ("refused.k.test", 5, False),
            ("nodata.k.test", 0, True), ("notimp.test", 4, False), ("formerr.test", 1, False),
            ("a-1-2-3.test", 1, False),
        ]:
            answer = self.ask(name)
            self.assertEqual((answer.rcode, answer.answers), (rcode, []), name)
            self.assertEqual(bool(answer.authority), has_soa, name)

    def test_thatChanges(self):
        codes = [self.ask("flaky-3.test").rcode for _ in range(6)]
        self.assertEqual(codes, [2, 2, 0, 2, 2, 0])
        self.assertEqual([self.ask("nx-then-ok-2.test").rcode for _ in range(3)], [3, 3, 0])
        self.assertEqual(
            [self.ask("each.test").addresses[0][-1] for _ in range(10)], list("1234567891"))
        seen = set()
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            seen.update(self.ask("turn-1.test").addresses)
            time.sleep(0.05)
        self.assertIn(len(seen), (2, 3))

    def test_slowAndSilent(self):
        started = time.monotonic()
        self.assertEqual(self.ask("slow-200.k17.test").addresses, ["127.0.0.1"])
        self.assertGreaterEqual(time.monotonic() - started, 0.2)
        self.assertEqual(self.packets("silent.k.test"), [])
        self.assertEqual(
            [len(self.packets("silent-2.k.test")) for _ in range(3)], [0, 0, 1])

    def test_oneTypeAlone(self):
        self.assertEqual([self.ask("servfail.for4.test", kind).rcode for kind in (A, AAAA)], [2, 0])
        self.assertEqual(self.ask("servfail.for6.test", A).addresses, ["127.0.0.1"])
        self.assertEqual(self.packets("silent.for6.test", AAAA), [])
        started = time.monotonic()
        self.ask("servfail.for4.slow6-200.test", A)
        self.assertLess(time.monotonic() - started, 0.2)
        self.assertEqual(self.ask("servfail.for4.slow6-200.test", AAAA).rcode, 0)
        self.assertGreaterEqual(time.monotonic() - started, 0.2)

    def test_labelsOfTheServersOwn(self):
        self.assertEqual(self.rcodes(["--as", "refused"], "k.test"), [5])

    def test_namesOutOfTheZone_areNone(self):
        names = ["k.example.com", "Example.COM", "kexample.com", "nowhere.invalid", "nx.example.com"]
        self.assertEqual(self.rcodes(["--zone", "example.com"], *names), [0, 0, 3, 3, 3])

    def rcodes(self, arguments, *names):
        """The answers of a server of its own."""
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "name_server.py")
        with subprocess.Popen(
                [sys.executable, "-B", script, *arguments], stdout=subprocess.PIPE) as process:
            port = int(process.stdout.readline().decode().split()[2].rsplit(":", 1)[1])
            rcodes = []
            for name in names:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as tcp:
                    tcp.sendall(struct.pack("!H", len(query(name, A))) + query(name, A))
                    rcodes.append(Answer(tcp.recv(1000)[2:]).rcode)
            process.terminate()
            return rcodes

    def test_truncated(self):
        self.assertEqual(
            (self.ask("tc.test").is_truncated, self.ask("tc.test").answers), (True, []))
        self.assertEqual(self.ask_tcp("tc.test").addresses, ["127.0.0.1"])
        self.assertTrue(self.ask("tc-only.test").is_truncated)
        self.assertIsNone(self.ask_tcp("tc-only.test"))
        self.assertEqual(len(self.ask("many-9.test").addresses), 9)
        # Beyond 512 bytes.
        self.assertTrue(self.ask("many-200.test").is_truncated)
        self.assertEqual(len(set(self.ask_tcp("many-200.test").addresses)), 200)

    def test_aliases(self):
        answer = self.ask("cname-2.k.test")
        self.assertEqual(
            [(name, value) for name, _, _, value in answer.answers],
            [("cname-2.k.test", "c1.cname-2.k.test"), ("c1.cname-2.k.test", "c2.cname-2.k.test"),
             ("c2.cname-2.k.test", "127.0.0.1")])
        self.assertEqual(
            [value for _, _, _, value in self.ask("cname-loop.test").answers],
            ["b.cname-loop.test", "cname-loop.test"])
        out = self.ask("cname-out.test")
        self.assertEqual((out.rcode, len(out.answers)), (3, 1))
        self.assertEqual(
            [value for _, _, _, value in self.ask("alias-k_x.test").answers],
            ["k.x.test", "127.0.0.1"])

    def test_packetsThatAreWrong(self):
        self.assertEqual(self.packets("garbage.test"), [b"\xff" * 40])
        self.assertEqual(self.packets("empty.test"), [b""])
        self.assertEqual(len(self.packets("short.test")[0]), 9)
        self.assertNotEqual(self.ask("wrong-id.test").id, 0x1234)
        wrong, right = self.packets("wrong-then-right.test", count=2)
        self.assertNotEqual(wrong[:2], right[:2])
        self.assertEqual(wrong[2:], right[2:])
        self.assertEqual(self.ask("wrong-question.test").questions, ["other.test"])
        self.assertEqual(self.ask("no-question.test").questions, [])
        for name in ("bad-pointer.test", "loop-pointer.test", "long-length.test"):
            with self.assertRaises((ValueError, IndexError), msg=name):
                Answer(self.packets(name)[0])

    def test_whatIsNoQuery_isNotAnswered(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.2)
            for packet in (b"", b"x", b"\0" * 12, query("k.test", A)[:-3], b"\xff" * 600):
                udp.sendto(packet, ("127.0.0.1", self.port))
            with self.assertRaises(TimeoutError):
                udp.recv(1000)
        self.assertEqual(self.ask("k.test").rcode, 0)

    def test_counts(self):
        for _ in range(3):
            self.ask("K.test")
        self.ask("k.test", AAAA)
        self.ask_tcp("other.test")
        counts = self.get("counts")
        self.assertEqual(counts["names"], {"k.test": 4, "other.test": 1})
        self.assertEqual(counts["types"], {"A": 4, "AAAA": 1})
        self.assertEqual(counts["transports"], {"udp": 4, "tcp": 1})
        self.assertEqual(counts["total"], 5)


if __name__ == "__main__":
    unittest.main()
