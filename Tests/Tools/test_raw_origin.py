"""raw_origin.py says byte for byte what it was told to, and poison.py notices what is wrong."""

import argparse
import os
import socket
import stat
import tempfile
import unittest

import corpus
import poison
import raw_origin
from corpus import Case, close, pause, repeat, reset, send, silence

FIRST = corpus.FIRST_ID
CASES = [
    Case("pieces", {"": [send(b"a\0b"), pause(0.05), send(b"c@ID@")]}),
    Case("closed", {"": [send(b"end"), close()]}),
    Case("reset", {"": [send(b"end"), pause(0.02), reset()]}),
    Case("repeated", {"": [repeat(b"xy", 1000), close()]}),
    Case("silent", {"": [send(b"last"), silence()]}),
    Case("parts", {"": [send(b"one")], "two": [send(b"two")], "again": [send(b"more")]}),
    Case("curl", {"": [send(b"swsbounce 0")], "1": [send(b"part 1")], "2": [send(b"part 2")]},
         number=77),
]


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def ask(self, path):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def read(self, count):
        data = b""
        while len(data) < count and (more := self.socket.recv(count - len(data))):
            data += more
        return data


class RawOriginTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        plan = os.path.join(cls.folder.name, "plan.json")
        jobs = {FIRST + index: case.name for index, case in enumerate(CASES)}
        cls.id = {name: job_id for job_id, name in jobs.items()}
        raw_origin.write_plan(plan, CASES, jobs)
        cls.origin = raw_origin.Origin(plan)

    @classmethod
    def tearDownClass(cls):
        cls.origin.__exit__()
        cls.folder.cleanup()

    def setUp(self):
        self.connect()

    def connect(self):
        self.client = Client(self.origin.port)
        self.addCleanup(self.client.socket.close)

    def ask(self, name, more=""):
        self.client.ask(f"/{self.id[name]}{more}")

    def test_healthy_areAnsweredAlike_andCounted(self):
        for job_id in (FIRST + 1000, FIRST + 1001, FIRST + 1001):
            self.client.ask(f"/{job_id}")
            expected = raw_origin.healthy(job_id)
            self.assertEqual(self.client.read(len(expected)), expected)
            self.assertIn(corpus.healthy_body(job_id), expected)
        asked = self.origin.counts()["asked"]
        self.assertEqual((asked[str(FIRST + 1000)], asked[str(FIRST + 1001)]), (1, 2))

    def test_pieces_arriveApart_andTheConnectionStays(self):
        self.ask("pieces")
        self.assertEqual(self.client.socket.recv(100), b"a\0b")
        rest = b"c%d" % self.id["pieces"]
        self.assertEqual(self.client.read(len(rest)), rest)
        self.ask("parts", "/two")
        self.assertEqual(self.client.read(3), b"two")

    def test_requestsSentTogether_areAnsweredInTurn(self):
        self.ask("pieces")
        self.ask("closed")
        expected = b"a\0bc%dend" % self.id["pieces"]
        self.assertEqual(self.client.read(1000), expected)

    def test_ends(self):
        self.ask("repeated")
        self.assertEqual(self.client.read(10_000), b"xy" * 1000)
        self.connect()
        self.ask("reset")
        self.assertEqual(self.client.read(3), b"end")
        with self.assertRaises(ConnectionResetError):
            self.client.read(1)
        self.connect()
        self.ask("silent")
        self.ask("closed")
        self.assertEqual(self.client.read(4), b"last")
        self.client.socket.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            self.client.read(1)

    def test_laterRequests_getTheirOwnReply(self):
        self.ask("parts")
        self.assertEqual(self.client.read(3), b"one")
        self.ask("parts")
        self.assertEqual(self.client.read(4), b"more")

    def test_curlsNumbers_leadToItsParts(self):
        for path, expected in [
            (f"/{self.id['curl']}", b"swsbounce 0"), ("/77", b"part 1"),
            ("/some/where/770002.txt?x", b"part 2"), ("/770001", b"part 1"),
        ]:
            self.client.ask(path)
            self.assertEqual(self.client.read(len(expected)), expected)


class PoisonTests(unittest.TestCase):
    """The checks, with a program that does as it is told instead of fetching."""

    def faults(self, rows, asked):
        return poison.check_healthy({1, 2}, rows, asked, {})

    def test_checkHealthy_findsWhatIsLostFailedOrAskedTwice(self):
        right = {1: ("completed", "200"), 2: ("completed", "200")}
        self.assertEqual(self.faults(right, {1: 1, 2: 1}), [])
        self.assertEqual(len(self.faults(right, {1: 1, 2: 2})), 1)
        self.assertEqual(len(self.faults(right, {1: 1})), 1)
        self.assertEqual(len(self.faults(right | {2: ("failed", "reset")}, {1: 1, 2: 1})), 1)
        self.assertEqual(len(self.faults({1: right[1]}, {1: 1, 2: 1})), 1)

    def test_wait_tellsCrashesAndLateness(self):
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "program")
            with open(program, "w", encoding="ascii") as file:
                file.write('#!/bin/sh\neval "$1"\n')
            os.chmod(program, stat.S_IRWXU)

            def end(command):
                arguments = argparse.Namespace(runner=program, time_limit=0.3)
                status, _, _, is_late = poison.wait(arguments, [command], folder)
                return status, is_late

            self.assertEqual(end("exit 1"), (1, False))
            self.assertEqual(end("kill -SEGV $$"), (-11, False))
            self.assertEqual(end("exec sleep 9"), (-9, True))


if __name__ == "__main__":
    unittest.main()
