"""Drives the web page of a run with a browser, as people and attackers do.

    drive_page.py PRODUCTS FOLDER

PRODUCTS has the programs `runner` and `test-origin`; FOLDER is empty, and takes the queue. With
RUNNER_SCREENSHOTS=DIR, pictures of the page are written there. Prints a line a check that failed,
and exits with 1 when there is one.
"""

import http.client
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

PRODUCTS, FOLDER = sys.argv[1:3]
RUNNER = f"{PRODUCTS}/runner"
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
failures = []


def check(holds, text, *values):
    if not holds:
        failures.append(text)
        print("failed:", text, *values, flush=True)


def until(condition, text, seconds=15):
    """Waits for something, as for an event."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    check(False, f"{text}: not within {seconds} s")
    return None


def runner(*arguments):
    return subprocess.run([RUNNER, *arguments], cwd=FOLDER, capture_output=True, text=True)


def status():
    return json.loads(runner("status", "--json").stdout)


class Server:
    """The run, and what was said of it."""

    def __init__(self, *arguments):
        self.log = open(f"{FOLDER}/log-{len(arguments)}", "w+")
        self.process = subprocess.Popen(
            [RUNNER, *arguments], cwd=FOLDER, stdout=self.log, stderr=self.log)
        link = until(self.link, "the link is printed")
        self.base, self.token = link.split("/#")
        self.port = int(self.base.rsplit(":", 1)[1])
        self.url = link

    def link(self):
        with open(self.log.name) as log:
            found = re.search(r"http://127\.0\.0\.1:\d+/#\w+", log.read())
        return found and found.group()

    def ask(self, method, path, body=None, **fields):
        """One request of no browser: the status, and the fields."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.headers, text


def start_origin():
    process = subprocess.Popen(
        [f"{PRODUCTS}/test-origin", "--port", "0"], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()[-1]


SCRIPT = "<script>window.hit=1</script><svg/onload=window.hit=1>"


def enqueue(origin):
    port = origin.rsplit(":", 1)[1]
    with open(f"{FOLDER}/first.txt", "w") as urls:
        urls.write(f"http://127.0.0.1:{port}/status/410/53?q={SCRIPT}\n")
        urls.write(f"http://127.0.0.1:{port}/site/1.40/0\n")
    with open(f"{FOLDER}/urls.txt", "w") as urls:
        for number in range(30_000):
            kind = "status/404" if number % 50 == 3 else "delay/20"
            host = "localhost" if number % 3 == 0 else "127.0.0.1"
            urls.write(f"http://{host}:{port}/{kind}/{number}\n")
        # Nobody listens there.
        urls.writelines(f"http://127.0.0.2:{port}/{number}\n" for number in range(200))
    for name in ["first.txt", "urls.txt"]:
        done = runner("enqueue", name)
        check(done.returncode == 0, "the list is queued", done.stderr)


# ---- Without a browser

def try_without_token(server):
    paths = ["/events", "/failures", "/history/seconds", "/queues", "/q/1/events"]
    for path in paths:
        check(server.ask("GET", path)[0] == 401, f"{path} needs the token")
        wrong = "Bearer " + "0" * 32
        check(server.ask("GET", path, Authorization=wrong)[0] == 401, f"{path} takes one token")
    for path in ["/do/pause", "/do/drain", "/do/retry", "/q/1/do/drain"]:
        answer = server.ask("POST", path, "", Sec_Fetch_Site="same-origin")
        check(answer[0] == 401, f"{path} needs the token")
        token = {"Authorization": f"Bearer {server.token}"}
        for fields in [{}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
                       {"Origin": "http://localhost:1"}, {"Origin": "null"},
                       {"Sec_Fetch_Site": "same-origin", "Origin": "http://evil.test"}]:
            answer = server.ask("POST", path, "", **fields, **token)
            check(answer[0] == 403, f"{path} is for our page alone", fields)
        check(server.ask("GET", path, **token)[0] in (403, 405), f"{path} is no GET")
    check(server.ask("POST", "/session", "token=" + "0" * 32, Sec_Fetch_Site="same-origin")[0]
          == 401, "a wrong token gets no cookie")
    # Held by everybody, and by any name.
    for path, right in [("/healthz", 200), ("/readyz", 200), ("/metrics", 421), ("/", 421),
                        ("/app.js", 421), ("/nothing", 421)]:
        check(server.ask("GET", path, Host="evil.test")[0] == right, f"{path} of another host")
    check(server.ask("GET", "/metrics")[0] == 200, "metrics are open on loopback")
    check(server.ask("GET", "/nothing")[0] == 404, "what is not there")
    page = server.ask("GET", "/")
    check("script-src 'self'" in page[1]["Content-Security-Policy"], "the policy of scripts")
    check(b"127.0.0.1" not in page[2] and server.token.encode() not in page[2],
          "the page holds no data")


def raw(server, data):
    """What comes back for bytes, until the connection ends or two seconds pass."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while part := connection.recv(4096):
                answer += part
        except OSError:
            pass
        return answer


def try_hostile_bytes(server):
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    check(b" 431 " in raw(server, head + b"X: " + b"a" * 10_000 + b"\r\n\r\n"), "a 10 kB header")
    check(b" 431 " in raw(server, b"GET /" + b"a" * 10_000), "a 10 kB path")
    check(b" 421 " in raw(server, head + b"Host: evil\r\nConnection: close\r\n\r\n"), "two hosts")
    large = b"POST /do/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n"
    check(b" 200 " not in raw(server, large + b"a" * 99_999), "a large body")
    chunked = b"POST /do/pause HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    check(b" 200 " not in raw(server, chunked + b"fff\r\n" + b"a" * 9000), "a large chunk")
    seed = int(os.environ.get("RUNNER_TEST_SEED", time.time_ns() % 1_000_000))
    print("seed", seed)
    import random
    chance = random.Random(seed)
    valid = head + b"Cookie: runner=1; a\r\nAuthorization: Bearer x\r\nOrigin: null\r\n\r\n"
    for _ in range(200):
        data = bytearray(valid * chance.choice([1, 1, 3]))
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
            connection.sendall(bytes(data[:chance.randrange(1, len(data))]))
    check(server.ask("GET", "/healthz")[0] == 200, "the server lives")


def hold_all_connections(server):
    """Those who open connections and send nothing keep nobody out."""
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    check(server.ask("GET", "/metrics")[0] == 200, "metrics beside idle connections")
    for connection in idle:
        connection.close()


# ---- With a browser

class Attacker(http.server.BaseHTTPRequestHandler):
    """A page of another site, which tries to pause the run."""

    target = ""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"""<form id=f method=post action="{self.target}/do/pause"></form><script>
            (async () => {{
                let read = '';
                for (const path of ['/failures', '/history/seconds', '/metrics']) {{
                    try {{ read += await (await fetch('{self.target}' + path, {{credentials: 'include'}})).text(); }} catch {{}}
                }}
                await fetch('{self.target}/do/pause', {{method: 'POST', mode: 'no-cors', credentials: 'include'}}).catch(() => 0);
                document.title = 'read:' + read;
            }})();</script>""".encode())

    def log_message(self, *arguments):
        pass


def attack(browser_page, server):
    answer = browser_page.goto(f"http://evil.test:{server.port}/")
    check(answer.status == 421, "a name that leads here (DNS rebinding)", answer.status)
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Attacker)
    Attacker.target = server.base
    threading.Thread(target=other.serve_forever, daemon=True).start()
    # Another port of the same host is the same site, whose cookies are sent; another host is not.
    for host in ["127.0.0.1", "localhost", "evil.test"]:
        browser_page.goto(f"http://{host}:{other.server_port}/")
        browser_page.wait_for_function("document.title")
        check(browser_page.title() == "read:", f"a page of {host} reads nothing", browser_page.title())
        with browser_page.expect_navigation():
            browser_page.evaluate("document.getElementById('f').submit()")
    other.shutdown()
    check(status()["paused"] is False, "another site's page pauses nothing")


def numbers(page, legend="#legend"):
    """The jobs as the page shows them."""
    texts = page.eval_on_selector_all(
        f"{legend} li", "all => all.map(li => [li.children[1].textContent, li.children[2].textContent])")
    return {name: int(number.replace(",", "")) for name, number in texts}


def outcomes(page):
    texts = page.eval_on_selector_all(
        "#outcomes tr", "all => all.map(tr => [...tr.cells].map(cell => cell.textContent))")
    return sorted((row[0], row[1], int(row[2].replace(",", ""))) for row in texts)


def agrees(page):
    told = status()
    jobs = {name: told["jobs"][name] for name in numbers(page)}
    return (numbers(page) == jobs and outcomes(page) == sorted(
        (row["outcome"], row["state"], row["count"]) for row in told["outcomes"]))


def said(page, text):
    until(lambda: text in page.inner_text("#said"), f"the page says: {text}")


def try_actions(page, server):
    page.wait_for_selector("#failures tr")
    check(server.token not in page.url, "the token leaves the address", page.url)
    page.click("#pause")
    said(page, "paused runner.db")
    check(page.inner_text("#command").startswith("runner pause"), "the command that pauses")
    until(lambda: status()["paused"], "the queue is paused")
    until(lambda: "paused" in page.inner_text("#events"), "the pause is an event")
    until(lambda: page.inner_text("#state") == "paused", "the state is shown")
    until(lambda: agrees(page), "the page agrees with the status")
    check(sum(numbers(page).values()) == status()["jobs"]["total"], "all jobs are shown")
    page.fill("#workers", "7"), page.fill("#rate", "900/s")
    page.fill("#per-host", "5"), page.fill("#host-rate", "800/s")
    page.click("#limits button")
    said(page, "keeps to it")
    limits = status()["run"]["limits"]
    check(limits == {"workers": 7, "rate": "900/s", "per_host": 5, "host_rate": "800/s"},
          "the limits are set", limits)
    check("--workers 7" in page.inner_text("#command"), "the command that sets")
    until(lambda: "set: --workers 7" in page.inner_text("#events"), "limits are an event")
    page.fill("#rate", "nonsense")
    page.click("#limits button")
    said(page, "nonsense")
    check(status()["run"]["limits"] == limits, "nonsense sets nothing")
    failed = {row["outcome"]: row["count"] for row in status()["outcomes"] if row["state"] == "failed"}
    page.click("#outcomes tr[data-key='failed 404'] td:last-child button")
    said(page, f"put back {failed['404']:,} failed jobs")
    left = {row["outcome"]: row["count"] for row in status()["outcomes"] if row["state"] == "failed"}
    check("404" not in left and left.get("410") == failed.get("410"), "404 alone is put back", left)
    until(lambda: "put back" in page.inner_text("#events"), "the retry is an event")
    page.click("#pause")
    said(page, "resumed")
    until(lambda: page.inner_text("#state") == "running", "the run goes on")
    check(status()["paused"] is False, "the queue is resumed")


def try_choices(page):
    row = "#outcomes tr[data-key='failed 410'] td:first-child button"
    page.wait_for_selector(row)
    page.click(row)
    shown = page.eval_on_selector_all("#failures tr", "all => all.map(tr => tr.cells[1].textContent)")
    check(shown and set(shown) == {"410"}, "one outcome's failures", shown)
    check(page.evaluate("window.hit") is None, "a script in a URL does nothing")
    check("script" in page.inner_text("#failures"), "the script is text")
    page.click("#all-failures")
    shown = page.eval_on_selector_all("#failures tr", "all => all.map(tr => tr.cells[1].textContent)")
    check("404" in shown, "all failures", shown)
    for sort in ["slowest", "failing", "busiest"]:
        page.click(f"[data-sort={sort}]")
        if sort == "failing":
            check("127.0.0.2" in page.inner_text("#hosts tr:first-child"), "the failing host first")
    check("out of reach" in page.inner_text("#hosts"), "what holds a host back")
    for span in ["ten-seconds", "minutes", "seconds"]:
        page.click(f"[data-span={span}]")
        page.wait_for_selector(f"[data-span={span}][aria-pressed=true]")
    until(lambda: "now" in (page.get_attribute("#rate-chart", "aria-label") or ""), "a chart's text")


def try_following(page, server):
    """The panel of requests that were found agrees with the status, and the total with what is known."""
    def shown():
        page.wait_for_selector("#following", state="visible")
        return numbers(page, "#follow-legend")
    until(lambda: shown().get("queued", 0) >= 5, "requests that were found")
    found = status()["run"]["followed"]
    left = sum(found["left_out"].values())
    until(lambda: shown() == {"queued": found["added"], "were there": found["known"], "left out": left},
          f"the panel agrees with {found}")
    # What was enqueued goes first.
    check(page.inner_text("#found").startswith("0 steps"), "the steps", page.inner_text("#found"))
    check(f"{found['left_out']['scope']:,} out of scope" in page.inner_text("#left-out"), "the reasons")
    check("known so far" in page.inner_text("#percent"), "the total is not the last word")
    scrape = server.ask("GET", "/metrics")[2].decode()
    told = dict(re.findall(r'runner_found_requests_total{result="(\w+)"} (\d+)', scrape))
    check(int(told["scope"]) == found["left_out"]["scope"] and int(told["added"]) == found["added"],
          "the metrics of what was found", told)


def try_metrics(server):
    """The scrape is sound, and the dashboard and the alerts ask for what is in it."""
    scrape = server.ask("GET", "/metrics")[2].decode()
    done = subprocess.run(["promtool", "check", "metrics"], input=scrape, capture_output=True, text=True)
    check(done.returncode == 0, "promtool on the metrics", done.stdout, done.stderr)
    check("://" not in scrape, "no URL in the metrics")
    jobs = dict(re.findall(r'runner_jobs{state="(\w+)"} (\d+)', scrape))
    check(int(jobs["failed"]) > 0 and set(jobs) == set(status()["jobs"]) - {"total"}, "jobs", jobs)
    names = set(re.findall(r"^(\w+)", scrape, re.M))
    values = set(re.findall(r'(\w+="[^"]*")', scrape))
    with open(f"{DOCS}/grafana.json") as file:
        targets = [t for panel in json.load(file)["panels"] for t in panel["targets"]]
    queries = [t["expr"].replace("$instance", ".*").replace("$job", ".*") for t in targets]
    with open(f"{DOCS}/alerts.yml") as file:
        alerts = file.read()
    for name in set(re.findall(r"\b(?:runner|process)_\w+", " ".join(queries) + alerts)):
        check(name in names, f"{name} is in the scrape")
    for value in set(re.findall(r'\b(?:state|result|phase)="[^"]*"', " ".join(queries) + alerts)):
        known = value in values or value.startswith("result=")
        check(known, f"{value} is in the scrape")
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    with open(f"{FOLDER}/rules.json", "w") as file:
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
    for file in [f"{FOLDER}/rules.json", f"{DOCS}/alerts.yml"]:
        done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True)
        check(done.returncode == 0, f"promtool on {file}", done.stdout, done.stderr)


def try_serving_beside(browser, said_aloud):
    """Another process shows the run, and can change it."""
    served = Server("serve")
    page = open_page(browser, served, said_aloud)
    page.wait_for_selector("#hosts tr")
    until(lambda: page.inner_text("#state") == "running", "the run of another process")
    check(page.is_enabled("#drain"), "another process can be drained")
    page.wait_for_selector("#failures tr")
    check("http://" in page.inner_text("#failures tr:first-child"), "its failures are told of")
    check(page.evaluate("window.hit") is None, "no text of a server runs there")
    page.fill("#workers", "9")
    page.click("#limits button")
    said(page, "keeps to it")
    check(status()["run"]["limits"]["workers"] == 9, "workers are set from outside")
    check("runner_jobs{state" in served.ask("GET", "/metrics")[2].decode(), "metrics from outside")
    page.context.close()
    served.process.send_signal(signal.SIGINT)
    check(served.process.wait(timeout=10) == 0, "serve ends")


def try_drain_of_another(browser, served, said_aloud):
    """A run of another process is asked to end, once, and ends well."""
    # Nobody answers there: it goes on until it is asked to end.
    run = subprocess.Popen(
        [RUNNER, "run", "-q", "--queue", "other.db"], cwd=FOLDER, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    page = open_page(browser, served, said_aloud, url=f"{served.base}/q/1/#{served.token}")
    page.on("dialog", lambda dialog: dialog.accept())
    until(lambda: page.is_enabled("#drain"), "the run can be drained")
    page.click("#drain")
    said(page, f"asked process {run.pid}")
    check(run.wait(timeout=20) == 11, "the run of another process drains", run.returncode)
    until(lambda: page.inner_text("#state") == "idle", "the end is seen")
    check("asked process" in page.inner_text("#events"), "an event of it")
    page.context.close()


def try_serving_idle(browser, said_aloud):
    """Queues that nobody runs, in a folder."""
    runner("enqueue", "--queue", "other.db", "--range", "0..5", "--url", "http://127.0.0.1:1/{id}")
    served = Server("serve", "--queue", ".")
    page = open_page(browser, served, said_aloud)
    page.wait_for_selector("#queues tr:nth-child(2)")
    check("other.db" in page.inner_text("#queues tr:first-child"), "the list of queues")
    try_axe(page, "list")
    page.click("#queues tr:nth-child(2) a")
    until(lambda: page.inner_text("#state") == "idle", "nobody runs the queue")
    until(lambda: agrees(page), "the page of an idle queue agrees with the status")
    before = status()["jobs"]["failed"]
    page.click("#outcomes tr[data-key='failed 410'] td:last-child button")
    said(page, "run again to fetch them")
    check(status()["jobs"]["failed"] == before - 1, "a job is put back")
    page.click("#pause")
    said(page, "a run that is started waits")
    check(status()["paused"], "an idle queue is paused")
    until(lambda: "paused" in page.inner_text("#state"), "the pause is shown")
    check(page.is_disabled("#workers") and page.is_disabled("#drain"), "there is no run to change")
    check(page.is_hidden("#following"), "nobody follows")
    page.wait_for_selector("#failures tr")
    check(SCRIPT in page.inner_text("#failures"), "the failures of the last run are kept")
    command = page.inner_text("#job-command")
    done = subprocess.run(
        ["sh", "-c", command.replace("runner", RUNNER, 1)], cwd=FOLDER, capture_output=True, text=True)
    check(done.returncode == 0 and len(done.stdout.splitlines()) > 1, "the command of a job", command)
    try_drain_of_another(browser, served, said_aloud)
    runner("resume")
    until(lambda: "resumed" in page.inner_text("#events"), "others' changes are events, too")
    page.context.close()
    served.process.send_signal(signal.SIGINT)
    check(served.process.wait(timeout=10) == 0, "serve of a folder ends")


def try_keyboard(page):
    """Each control is reached by Tab, shows that it has the focus, and works by keyboard."""
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    wanted = page.evaluate("""() => [...document.querySelectorAll('button, input, a[href], [tabindex]')]
        .filter(e => !e.disabled && e.offsetParent && !e.closest('tbody'))
        .map(e => e.id || e.dataset.span || e.dataset.sort || e.getAttribute('aria-label') || e.textContent)""")
    seen, rows = set(), set()
    for _ in range(120):
        page.keyboard.press("Tab")
        name, outline, in_row = page.evaluate("""() => { const e = document.activeElement; return [
            e.id || e.dataset.span || e.dataset.sort || e.getAttribute('aria-label') || e.textContent,
            getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth, Boolean(e.closest('tbody'))]; }""")
        if name in seen and not in_row:
            break
        (rows if in_row else seen).add(name)
        if page.evaluate("document.activeElement !== document.body"):
            check(outline == "solid3px", "the focus is seen", name, outline)
    check(set(wanted) <= seen, "Tab reaches everything", set(wanted) - seen)
    check(any("put back" in name for name in rows), "Tab reaches retries", rows)
    page.focus("#pause")
    page.keyboard.press("Enter")
    until(lambda: page.inner_text("#state") == "paused", "Enter pauses")
    check(page.evaluate("document.activeElement.id") == "pause", "the focus stays")
    page.keyboard.press("Space")
    until(lambda: page.inner_text("#state") == "running", "Space resumes")


def try_axe(page, name):
    found = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    check(not found, f"axe on the {name} page",
          [(v["id"], v["nodes"][0]["html"], v["nodes"][0]["failureSummary"]) for v in found])


def open_page(browser, server, said_aloud, width=1280, height=1000, scheme="light", url=None):
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.on("console", lambda message: said_aloud.append(message.text))
    page.on("pageerror", lambda error: said_aloud.append(str(error)))
    page.goto(url or server.url)
    return page


def try_report(browser, said_aloud):
    """The page of a report, as a file that is opened: nothing is loaded, run or said aloud."""
    done = runner("report", "--html", "report.html")
    check(done.returncode == 0, "the report is made", done.stderr)
    address = f"file://{FOLDER}/report.html"
    kinds = {"light": (1280, 1000, "light"), "dark": (1280, 1000, "dark"), "phone": (390, 844, "light")}
    for name, (width, height, scheme) in kinds.items():
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme)
        page = context.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said_aloud.append(message.text))
        page.on("pageerror", lambda error: said_aloud.append(str(error)))
        page.goto(address)
        check([url for url in asked if not url.startswith("data:")] == [address],
              "the report loads nothing", asked)
        check(page.evaluate("window.hit") is None, "no text of a server runs")
        check(SCRIPT in page.inner_text("main"), "the text of a server is shown as it is")
        counts = status()["jobs"]
        legend = page.inner_text("[aria-labelledby=h-progress]")
        check(f"completed {counts['completed']:,}" in legend, "the report agrees", legend)
        boxes = page.evaluate("""() => [...document.querySelectorAll('svg[role=img] path')]
            .map(e => e.getBoundingClientRect()).filter(b => b.width > 5 && b.height > 5).length""")
        check(boxes >= 3, "the charts show something", boxes)
        styled = page.evaluate("getComputedStyle(document.querySelector('main')).display")
        check(styled == "grid", "the report has its styles", styled)
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        check(not wide, f"the {name} report is no wider than its window")
        if os.environ.get("RUNNER_SCREENSHOTS"):
            page.screenshot(
                path=f"{os.environ['RUNNER_SCREENSHOTS']}/report-{name}.png", full_page=True)
        try_axe(page, f"{name} report")
        context.close()


def main():
    origin, url = start_origin()
    enqueue(url)
    server = Server(
        "run", "-w", "20", "--http", "0", "--no-robots", "--output", "out", "-q", "--no-adapt",
        "--follow-links", "--depth", "2")
    pictures = os.environ.get("RUNNER_SCREENSHOTS")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("RUNNER_CHROMIUM", "/usr/bin/chromium"),
                args=["--no-sandbox", "--disable-dev-shm-usage",
                      "--host-resolver-rules=MAP evil.test 127.0.0.1"])
            until(lambda: server.ask("GET", "/readyz")[0] == 200, "the run is ready")
            try_without_token(server)
            try_hostile_bytes(server)
            hold_all_connections(server)
            said_aloud = []
            page = open_page(browser, server, said_aloud)
            try_actions(page, server)
            try_choices(page)
            try_following(page, server)
            try_metrics(server)
            try_serving_beside(browser, said_aloud)
            try_keyboard(page)
            try_axe(page, "light")
            others = {"dark": open_page(browser, server, said_aloud, scheme="dark"),
                      "phone": open_page(browser, server, said_aloud, 390, 844)}
            for name, other in others.items():
                other.wait_for_selector("#hosts tr")
                try_axe(other, name)
                wide = other.evaluate("document.documentElement.scrollWidth > innerWidth")
                check(not wide, f"the {name} page is no wider than its window")
            if pictures:
                others["light"] = open_page(browser, server, said_aloud)
                # Charts of a minute, and no limits.
                runner("set", "--workers", "20", "--rate", "none", "--per-host", "8")
                time.sleep(30)
                for name, other in others.items():
                    other.screenshot(path=f"{pictures}/web-{name}.png")
            # Its refusals are console messages: a page of its own, in the same browser.
            attack(page.context.new_page(), server)
            lost = open_page(browser, server, [], url=server.base)
            until(lambda: "link" in lost.inner_text("#notice"), "without a token, the page says so")
            check(not said_aloud, "nothing is on the console", said_aloud)
            page.on("dialog", lambda dialog: dialog.accept())
            page.click("#drain")
            said(page, "end")
            ended = server.process.wait(timeout=20)
            check(ended == 11, "the run drains", ended)
            until(lambda: page.inner_text("#state") in ("ended", "stopping"), "the end is shown")
            check("asked to drain" in page.inner_text("#events"), "an event of the end")
            check(not said_aloud, "nothing is on the console at the end", said_aloud)
            page.context.close()
            try_serving_idle(browser, said_aloud)
            check(not said_aloud, "nothing is on the console of serve", said_aloud)
            try_report(browser, said_aloud)
            check(not said_aloud, "nothing is on the console of a report", said_aloud)
            browser.close()
        done = runner("verify")
        check(done.returncode == 0, "the queue is whole", done.stdout, done.stderr)
    finally:
        server.process.kill()
        origin.kill()
    sys.exit(1 if failures else 0)


main()
