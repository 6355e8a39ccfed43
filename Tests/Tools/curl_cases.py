"""Makes a corpus of the replies in curl's own tests.

    git -C curl.git archive HEAD tests/data | tar -x -C /tmp/curl
    curl_cases.py /tmp/curl/tests/data --out /tmp/curl-cases.json
    verdicts.py --cases /tmp/curl-cases.json --out /tmp/curl-verdicts.json
    poison.py --runner .build/release/runner --cases /tmp/curl-cases.json \\
        --verdicts /tmp/curl-verdicts.json

Read is what the HTTP server of the tests sends (`<reply><data>`), with the macros, variables and
server commands of docs/tests/FILEFORMAT.md; how curl is called is not, since every case is asked
for with a plain GET that follows redirects. A case keeps its test's number, so that `/<number>000N`
in its redirects leads to its `<dataN>`. Cases with a redirect to a host that is not this one are
left out, unless --elsewhere (for a network namespace in which there is nothing else).
"""

import argparse
import base64
import collections
import glob
import json
import os
import re
import sys
import urllib.parse

from corpus import Case, close, pause, repeat, send, silence

# Of `%if`: what the curl command of today has.
FEATURES = {"manual", "large-time", "brotli", "zstd", "SSL", "IPv6", "IDN", "http/2"}
VARIABLES = {
    "HOSTIP": "127.0.0.1", "CLIENTIP": "127.0.0.1", "HOST6IP": "[::1]", "CLIENT6IP": "[::1]",
    "HTTPPORT": "@PORT@", "VERSION": "7.88.1", "VERNUM": "7.88.1", "USER": "user",
    "DATE": "2026-11-21", "PWD": "/nowhere", "LOGDIR": "log", "SRCDIR": "/nowhere",
    "FILE_PWD": "/nowhere", "CURL": "curl", "DEV_NULL": "/dev/null", "SSH_PWD": "/nowhere",
}
MACROS = {"SP": " ", "TAB": "\t", "CR": "\r", "LT": "<", "GT": ">", "AMP": "&"}
HERE = {"127.0.0.1", "localhost", "::1"}


def unescaped(text):
    return re.sub("%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text)


def substituted(line, number):
    """A line with its variables and macros replaced, in the order of curl's runtests.pl."""
    line = line.replace("%TESTNUMBER", str(number))
    for name in sorted(VARIABLES, key=len, reverse=True):
        line = line.replace("%" + name, VARIABLES[name])
    # The other servers are not here.
    line = re.sub("%[A-Z0-9-]+PORT", "@DEAD@", line)
    for name, value in MACROS.items():
        line = line.replace("%" + name, value)
    line = re.sub(
        r"%b64\[(.*?)\]b64%",
        lambda found: base64.b64encode(unescaped(found[1]).encode("latin-1")).decode(), line,
        flags=re.S)
    line = re.sub(r"%hex\[(.*?)\]hex%", lambda found: unescaped(found[1]), line, flags=re.S)
    line = re.sub(
        r"%repeat\[(\d+) x (.*?)\]%", lambda found: unescaped(found[2]) * int(found[1]), line,
        flags=re.S)
    return re.sub(r"%days\[(.*?)\]", "1800000000", line)


class Headers:
    """Guesses which lines are header lines, to end them with CRLF, as runtests.pl does."""

    def __init__(self):
        self.is_after_header = False

    def line(self, line):
        if (re.fullmatch(r"HTTP/(1.1|1.0|2|3) ([1-5]|9)[^\r]*", line, re.S)
                or re.match(r"(GET|HEAD|POST|PUT|DELETE|CONNECT) \S+ HTTP/\d+(\.\d+)?", line)
                or (re.fullmatch(r"[A-Za-z0-9_-]+: [^\r]*", line, re.S)
                    and not re.match(r"curl: \(\d+\) ", line))):
            self.is_after_header = True
            return re.sub("\r*\n", "\r\n", line, count=1)
        if line == "\n" and self.is_after_header:
            line = "\r\n"
        self.is_after_header = False
        return line


def preprocessed(text, number):
    """The test as its servers read it."""
    lines = []
    shown = [True]
    line_ends = ""
    headers = Headers()
    for line in re.findall(".*\n|.+$", text):
        stripped = line.lstrip(" ")
        if found := re.match("%if (!?)([A-Za-z0-9_/-]+)", stripped):
            shown.append(shown[-1] and (found[2] in FEATURES) != bool(found[1]))
            continue
        if stripped.startswith("%else"):
            shown[-1] = shown[-2] and not shown[-1]
            continue
        if stripped.startswith("%endif"):
            shown.pop()
            continue
        if not shown[-1]:
            continue
        if found := re.match("<(data|connect)(.*)>", stripped):
            attribute = re.search('crlf="(yes|headers)"', found[2])
            line_ends = attribute[1] if attribute else line_ends
        elif re.match("</(data|connect)", stripped):
            line_ends = ""
        line = substituted(line, number)
        if line_ends == "yes":
            line = re.sub("\r*\n", "\r\n", line, count=1)
        elif line_ends == "headers":
            line = headers.line(line)
        lines.append(line)
    return "".join(lines)


def section(text, name):
    found = re.search(rf"^[ \t]*<{name}[^>]*>\n?(.*?)^[ \t]*</{name}>", text, re.S | re.M)
    return found[1] if found else ""


def replies_of(reply):
    """Of `<reply>`: by part, what is sent and how it ends."""
    parts = {}
    commands = dict(
        (line.partition(":")[0].strip(), line.partition(":")[2].strip())
        for line in section(reply, "servercmd").splitlines())
    waits = [int(number) for number in re.findall(r"wait +(\d+)", section(reply, "postcmd"))]
    for found in re.finditer(
            r"^[ \t]*<data(\d*)([^>\n]*)>\r?\n(.*?)^[ \t]*</data\1>", reply, re.S | re.M):
        part, attributes, data = found[1], found[2], found[3].encode("latin-1")
        if 'base64="yes"' in attributes:
            data = base64.b64decode(data)
        if 'hex="yes"' in attributes:
            data = bytes.fromhex(data.decode())
        if 'nonewline="yes"' in attributes:
            data = data[:-1]
        parts.setdefault(part, operations(data, commands, waits))
    return parts


def operations(data, commands, waits):
    if "idle" in commands:
        return [silence()]
    if "stream" in commands:
        return [repeat(b"a string to stream 01234567890\n")]
    steps = []
    if "delay" in commands:
        steps.append(pause(int(commands["delay"]) / 1000))
    if "writedelay" in commands:
        # The test server sends 20 bytes at a time.
        for at in range(0, len(data), 20):
            steps += [send(data[at:at + 20]), pause(int(commands["writedelay"]) / 1000)]
    else:
        steps.append(send(data))
    steps += [pause(seconds) for seconds in waits]
    if b"swsclose" in data or not data or "swsclose" in commands:
        steps.append(close())
    return steps


def leads_elsewhere(replies):
    """Whether a redirect may leave this host."""
    for steps in replies.values():
        data = b"".join(step[1] for step in steps if step[0] == "send")
        for found in re.finditer(rb"^location:[ \t]*([^\r\n]*)", data, re.I | re.M):
            place = found[1].decode("latin-1").strip().replace("\\", "/")
            place = place.replace("@PORT@", "80").replace("@DEAD@", "80")
            if not re.match("([a-z][a-z0-9+.-]*:)?/", place, re.I):
                continue
            try:
                host = urllib.parse.urlsplit(re.sub("^([a-z]+:)/*", r"\1//", place, flags=re.I)
                                             if ":" in place[:12] else place).hostname
            except ValueError:
                host = "?"
            if host and host not in HERE:
                return True
    return False


def case_of(path):
    """The case, or why there is none."""
    number = int(re.search(r"test(\d+)$", path)[1])
    with open(path, "rb") as file:
        text = file.read().decode("latin-1")
    if "http" not in section(text, "server").split():
        return None, "of another server"
    if re.search(r"^%include", section(text, "reply"), re.M):
        return None, "includes a file"
    replies = replies_of(section(preprocessed(text, number), "reply"))
    if not replies:
        return None, "without a reply"
    # Some have replies only for requests with credentials.
    replies.setdefault("", replies[min(replies, key=lambda part: (len(part), part))])
    return Case(f"curl.{number}", replies, number=number, why=name_of(text)), None


def name_of(text):
    return " ".join(section(text, "name").split())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="curl's tests/data")
    parser.add_argument("--out", required=True)
    parser.add_argument("--elsewhere", action="store_true",
                        help="keep cases whose redirects leave this host")
    arguments = parser.parse_args()
    cases = []
    left_out = collections.Counter()
    for path in glob.glob(os.path.join(arguments.data, "test[0-9]*")):
        case, reason = case_of(path)
        if case and not arguments.elsewhere and leads_elsewhere(case.replies):
            case, reason = None, "leads elsewhere"
        if case:
            cases.append(case)
        else:
            left_out[reason] += 1
    cases.sort(key=lambda case: case.number)
    with open(arguments.out, "w", encoding="utf-8") as file:
        json.dump({"cases": [case.to_json() for case in cases]}, file)
    print(f"{len(cases)} cases; left out: "
          + ", ".join(f"{count} {reason}" for reason, count in left_out.most_common()))


if __name__ == "__main__":
    sys.exit(main())
