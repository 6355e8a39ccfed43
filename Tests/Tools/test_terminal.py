"""The live view on a real pseudo-terminal, as an emulator shows it: test_terminal.py PRODUCTS CASE."""
import os
import signal
import subprocess
import sys
import tempfile
import termios
import time

from terminal import Terminal

products = sys.argv[1]
runner = products + "/runner"
STATES = ("● running", "● paused", "● stopping", "● waiting", "● out of reach")


def setting(terminal):
    """Whether keys come one by one, and not shown."""
    return not terminal.settings()[3] & (termios.ICANON | termios.ECHO)


class Case:
    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.origin = subprocess.Popen([products + "/test-origin"], stdout=subprocess.PIPE,
                                       text=True)
        self.url = "http://127.0.0.1:" + self.origin.stdout.readline().strip().split(":")[-1]
        self.terminals = []
        self.runs = []
        return self

    def __exit__(self, *_):
        for terminal in self.terminals:
            terminal.close()
        for run in self.runs:
            run.kill()
            run.wait()
        self.origin.kill()
        self.origin.wait()
        self.folder.cleanup()

    def do(self, *arguments):
        return subprocess.run([runner, *arguments], cwd=self.folder.name, check=True,
                              capture_output=True, text=True).stdout

    def enqueue(self, *ranges):
        for count, path in ranges:
            self.do("enqueue", "--range", f"0..{count}", "--url", f"{self.url}/{path}")

    def hang(self):
        """Jobs of which some complete, some fail, and some never end."""
        self.enqueue((30, "{id}"), (12, "status/404/{id}"), (10, "silent/{id}"))

    def terminal(self, arguments, columns=80, rows=24, environment=None):
        begin = ["&"] if arguments[0] == "&" else []
        arguments = begin + [runner] + arguments[len(begin):]
        terminal = Terminal(arguments, columns, rows, environment, self.folder.name)
        self.terminals.append(terminal)
        return terminal

    def run(self, columns=80, rows=24, *options, environment=None):
        return self.terminal(["run", "-w", "10", "--max-time", "600", "--grace", "1",
                              *options], columns, rows, environment)


def settled(text):
    return "42 of 52" in text and "10 of 10 in flight" in text


def check_view(terminal, columns, rows):
    """One view, whole, none of its lines wider than the screen or broken, and nothing else in it."""
    lines = terminal.lines
    assert sum(any(state in line for state in STATES) for line in lines) == 1, terminal.text
    for word in ("OUTCOMES", "LATENCY", "HOSTS"):
        assert terminal.text.count(word) == 1, f"{word}:\n{terminal.text}"
    top = next(i for i, line in enumerate(lines) if any(state in line for state in STATES))
    end = next(i for i, line in enumerate(lines) if line.startswith(" p pause"))
    assert end - top < rows - 1, terminal.text
    assert lines[top].startswith(" runner "), terminal.text
    assert "━" in lines[top + 1] and "╍" in lines[top + 1] and "%" in lines[top + 1]
    # All that a row wider than the screen would leave.
    for line in lines[top:end + 1]:
        assert line == "" or line.startswith(" "), f"{line!r}:\n{terminal.text}"
        assert len(line) < columns, line
    assert all(line == "" for line in lines[end + 1:]), terminal.text
    return top, end


def sizes():
    with Case() as case:
        case.hang()
        for columns in (40, 80, 120, 200):
            terminal = case.run(columns)
            terminal.wait(settled, "the view")
            terminal.read(0.3)
            check_view(terminal, columns, 24)
            text = terminal.text
            assert ("failing" in text and "p99" in text), text
            assert ("in flight  waiting" in text) == (columns > 40), text
            # By the terminal's own interrupt; the second one cuts short.
            terminal.write("\x03\x03")
            assert terminal.ended() == 0
            text = terminal.text
            assert "exit 11" in text, text
            assert not any(state in text for state in STATES) and "OUTCOMES" not in text, text
            # Neither on the screen nor above is anything left of the view.
            assert not any("LATENCY" in line for line in terminal.history)
            assert terminal.settings() == terminal.before
            assert b"\x1b[2J" not in terminal.raw and b"\x1b[?1049" not in terminal.raw
            assert terminal.raw.count(b"\x1b[?2026h") == terminal.raw.count(b"\x1b[?2026l") > 1
            case.do("retry", "--all")


def resize():
    with Case() as case:
        case.hang()
        terminal = case.run()
        terminal.wait(settled, "the view")
        for columns, rows in ((40, 24), (120, 24), (200, 40), (80, 30), (60, 24), (80, 24)):
            terminal.resize(columns, rows)
            os.killpg(terminal.group(), signal.SIGWINCH)
            terminal.read(0.2)
            terminal.wait(settled, "the view")
            terminal.read(0.5)
            check_view(terminal, columns, rows)
        terminal.resize(80, 15)
        os.killpg(terminal.group(), signal.SIGWINCH)
        terminal.wait("10 in flight", "the short block")
        terminal.read(0.5)
        assert not any(state in terminal.text for state in STATES), terminal.text
        assert terminal.text.count("in flight") == 1 and "LATENCY" not in terminal.text
        terminal.resize(80, 24)
        os.killpg(terminal.group(), signal.SIGWINCH)
        terminal.wait(settled, "the view")
        terminal.read(1.2)
        check_view(terminal, 80, 24)


def keys():
    with Case() as case:
        case.hang()
        terminal = case.run()
        terminal.wait(settled, "the view")
        assert setting(terminal)
        for key, shown in (("p", "● paused"), ("p", "● running"), ("-", "of 9 in flight"),
                           ("+", "of 10 in flight"), ("h", "HOSTS, the busiest first"),
                           ("f", "FAILURES, the latest first"), ("?", "HELP"),
                           ("\x1b", "OUTCOMES")):
            terminal.write(key)
            terminal.wait(shown, f"what {key!r} does")
            if key == "f":
                assert "404" in terminal.text and "/status/404/" in terminal.text, terminal.text
        # An arrow is no key of the view, nor are others.
        terminal.write("\x1b[A")
        terminal.write("xyz")
        terminal.read(0.3)
        terminal.wait(settled, "the view")
        assert "xyz" not in terminal.text
        assert '"paused" : true' not in case.do("status", "--json")
        terminal.write("q")
        terminal.wait("exit 11", "the end")
        assert "asked to drain" in terminal.text and "set: --workers 9" in terminal.text
        terminal.ended()
        assert terminal.settings() == terminal.before


def suspend():
    with Case() as case:
        case.hang()
        terminal = case.run()
        terminal.wait(settled, "the view")
        for how in ("key", "signal", "unstoppable"):
            if how == "key":
                terminal.write("\x1a")
            else:
                number = signal.SIGTSTP if how == "signal" else signal.SIGSTOP
                os.killpg(terminal.group(), number)
            terminal.wait("stopped", "what the shell says")
            if how != "unstoppable":
                assert terminal.settings() == terminal.before, how
                assert not any(state in terminal.text for state in STATES), terminal.text
            terminal.write("fg\n")
            terminal.wait(settled, "the view")
            terminal.wait(lambda _: setting(terminal), "settings of keys")
            terminal.read(0.3)
            terminal.screen.reset()
            terminal.read(1.2)
        # To the background and back: no view there, and nothing stops it.
        terminal.write("\x1a")
        terminal.wait("stopped", "what the shell says")
        before = terminal.raw
        terminal.write("bg\n")
        terminal.read(2.2)
        assert b"OUTCOMES" not in terminal.raw[len(before):]
        terminal.write("\n")
        terminal.wait(settled, "the view")
        terminal.wait(lambda _: setting(terminal), "settings of keys")
        terminal.write("\x03\x03")
        terminal.wait("exit 11", "the end")
        terminal.ended()
        assert terminal.settings() == terminal.before


def background():
    with Case() as case:
        case.hang()
        terminal = Terminal(["&", runner, "run", "-w", "10", "--max-time", "600", "--grace", "1"],
                            80, 24, None, case.folder.name)
        case.terminals.append(terminal)
        settings = terminal.settings()
        settings[3] |= termios.TOSTOP
        termios.tcsetattr(terminal.slave, termios.TCSANOW, settings)
        terminal.wait("info starting runner.db", "a line of the log")
        terminal.read(2)
        assert "stopped" not in terminal.text and "OUTCOMES" not in terminal.text, terminal.text
        assert terminal.settings() == settings
        terminal.write("\n")
        terminal.wait(settled, "the view")
        terminal.wait(lambda _: setting(terminal), "settings of keys")
        os.killpg(terminal.group(), signal.SIGTERM)
        terminal.wait("exit 11", "the end")
        terminal.ended()
        assert terminal.settings() == settings


def ends():
    with Case() as case:
        case.hang()
        for number, times, code in ((signal.SIGTERM, 1, 11), (signal.SIGHUP, 1, 11),
                                    (signal.SIGINT, 2, 11), (signal.SIGABRT, 1, -6),
                                    (signal.SIGQUIT, 1, -3)):
            terminal = case.run(80, 24, environment={"NO_COLOR": "1"})
            terminal.wait(settled, "the view")
            terminal.wait(lambda _: setting(terminal), "settings of keys")
            for _ in range(times):
                os.killpg(terminal.group(), number)
                terminal.read(0.2)
            terminal.wait(f"exit {code}", f"the end by {number}")
            terminal.ended()
            assert terminal.settings() == terminal.before, number
            # With NO_COLOR nothing is coloured.
            assert b"\x1b[3" not in terminal.raw and b"m\x1b" not in terminal.raw, number
            case.do("retry", "--all")


def watch():
    with Case() as case:
        case.hang()
        # Started by another process: its own terminal is none.
        run = subprocess.Popen([runner, "run", "-w", "10", "--max-time", "600", "--grace", "1"],
                               cwd=case.folder.name, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        case.runs.append(run)
        terminal = case.terminal(["status", "--watch"])
        terminal.wait(settled, "the view")
        terminal.read(1)
        check_view(terminal, 80, 24)
        assert f"pid {run.pid}" in terminal.text
        for key, shown in (("p", "● paused"), ("p", "● running"), ("-", "of 9 in flight"),
                           ("h", "HOSTS, the busiest first"), ("f", "/status/404/"),
                           ("\x1b", "OUTCOMES")):
            terminal.write(key)
            terminal.wait(shown, f"what {key!r} does")
        # Another view is left by q, and the run goes on.
        other = case.terminal(["status", "--watch"])
        other.wait("OUTCOMES", "the view")
        other.wait(lambda _: setting(other), "settings of keys")
        other.write("q")
        other.wait("exit 0", "the end")
        other.ended()
        assert other.settings() == other.before and run.poll() is None
        third = case.terminal(["status", "--watch"])
        third.wait("OUTCOMES", "the view")
        third.write("\x03")
        third.wait("exit -2", "the end")
        third.ended()
        assert third.settings() == third.before and run.poll() is None
        terminal.write("d")
        out, err = run.communicate(timeout=20)
        assert run.returncode == 11, (run.returncode, err)
        terminal.wait("no run is going on", "the end of the run")
        terminal.write("q")
        terminal.wait("exit 0", "the end")
        terminal.ended()
        assert terminal.settings() == terminal.before


begin = time.monotonic()
{case.__name__: case for case in (sizes, resize, keys, suspend, background, ends, watch)}[sys.argv[2]]()
print(f"{sys.argv[2]}: {time.monotonic() - begin:.1f} s")
