"""A terminal that a program runs in: a pseudo-terminal whose output goes through an emulator (pyte),
so that tests see what stands on the screen, not what was written to it."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import pyte


class Terminal:
    def __init__(self, arguments, columns, rows, environment=None, folder=None, job=False):
        """With `job`, the program is a job of a little shell of our own: stopped and continued."""
        self.screen = pyte.HistoryScreen(columns, rows, history=2000, ratio=0.5)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.status = None
        self.master, self.slave = pty.openpty()
        self.size(columns, rows)
        self.before = termios.tcgetattr(self.slave)
        # The shell: leader of the session, which the terminal belongs to.
        pid = os.fork()
        if pid == 0:
            os.close(self.master)
            os.login_tty(self.slave) if hasattr(os, "login_tty") else login(self.slave)
            if folder:
                os.chdir(folder)
            os.environ.update({"TERM": "linux", "LC_ALL": "C.UTF-8"})
            os.environ.pop("NO_COLOR", None)
            os.environ.update(environment or {})
            shell(arguments)
        self.pid = pid

    def size(self, columns, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        """As terminals do that cut lines off; the program is told of it by the kernel."""
        self.read(0)
        gone = max(0, self.screen.lines - rows)
        self.screen.resize(rows, columns)
        self.screen.cursor.y = max(0, min(self.screen.cursor.y - gone, rows - 1))
        self.screen.cursor.x = 0
        self.size(columns, rows)

    def read(self, seconds):
        """Takes in what was written, for so long or until nothing more can come."""
        end = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                return
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                return
            self.raw += data
            self.stream.feed(data)

    def write(self, text):
        os.write(self.master, text.encode())

    @property
    def lines(self):
        """The rows of the screen, without blanks at their ends."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self):
        return "\n".join(self.lines)

    @property
    def history(self):
        """What has scrolled off the screen."""
        return ["".join(row[x].data for x in range(self.screen.columns)).rstrip()
                for row in self.screen.history.top]

    def wait(self, condition, what, seconds=20):
        """Waits until a condition of the text on the screen holds."""
        if isinstance(condition, str):
            wanted = condition
            condition = lambda text: wanted in text
        end = time.monotonic() + seconds
        while not condition(self.text):
            if time.monotonic() > end:
                raise AssertionError(f"{what} is not on the screen:\n{self.text}")
            self.read(0.02)

    def settings(self):
        return termios.tcgetattr(self.slave)

    def group(self):
        return os.tcgetpgrp(self.master)

    def ended(self, seconds=20):
        """Waits for the end of the shell; returns the text of all that it said."""
        end = time.monotonic() + seconds
        while True:
            self.read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = None
                self.read(0.05)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                raise AssertionError(f"the program did not end:\n{self.text}")

    def close(self):
        if self.pid:
            try:
                os.kill(self.group(), signal.SIGKILL)
            except OSError:
                pass
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)
        os.close(self.slave)


def login(descriptor):
    os.setsid()
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(descriptor, number)


def shell(arguments):
    """Runs a program as a job in the foreground. When the job is stopped, it says so, and waits for a
    line: `fg` or `bg`. It ends as the job does. `&` as the first argument begins in the background."""
    for number in (signal.SIGTTOU, signal.SIGTTIN, signal.SIGTSTP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    background = arguments[0] == "&"
    arguments = arguments[1:] if background else arguments
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        if not background:
            os.tcsetpgrp(0, os.getpid())
        for number in (signal.SIGTTOU, signal.SIGTTIN, signal.SIGTSTP, signal.SIGINT,
                       signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        os.execv(arguments[0], arguments)
    try:
        os.setpgid(job, job)
    except OSError:
        pass
    if background:
        print(f"job {job}", flush=True)
        line()
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        if not os.WIFSTOPPED(status):
            break
        print("stopped", flush=True)
        word = line()
        if word == "fg":
            os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)
        if word == "bg":
            line()
            os.tcsetpgrp(0, job)
            os.killpg(job, signal.SIGCONT)
    code = os.waitstatus_to_exitcode(status)
    print(f"exit {code}", flush=True)
    os._exit(0)


def line():
    text = b""
    while not text.endswith(b"\n"):
        text += os.read(0, 1)
    return text.decode().strip()
