"""Asks a Prometheus that scrapes a run each query of the dashboard and of the alerts.

    query_metrics.py PRODUCTS FOLDER

PRODUCTS has the programs `runner` and `test-origin`; FOLDER is empty, and takes the queue and the data
of Prometheus. Prints a line a query that fails or finds nothing, and exits with 1 when there is one.
"""

import json
import math
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PRODUCTS, FOLDER = sys.argv[1:3]
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
SCRAPES = 6
faults = []


def complain(*values):
    faults.append(values)
    print("failed:", *values, flush=True)


def until(condition, text, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    complain(f"{text}: not within {seconds} s")
    sys.exit(1)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start_run():
    origin = subprocess.Popen(
        [f"{PRODUCTS}/test-origin", "--port", "0"], stdout=subprocess.PIPE, text=True)
    url = origin.stdout.readline().split()[-1]
    with open(f"{FOLDER}/urls.txt", "w") as urls:
        for number in range(100_000):
            kind = {3: "status/404", 5: "status/503"}.get(number % 50, "delay/20")
            urls.write(f"{url}/{kind}/{number}\n")
    subprocess.run(
        [f"{PRODUCTS}/runner", "enqueue", "urls.txt"], cwd=FOLDER, check=True, capture_output=True)
    log = open(f"{FOLDER}/log", "w+")
    run = subprocess.Popen(
        [f"{PRODUCTS}/runner", "run", "-w", "10", "--http", "0", "-q", "--no-robots", "--no-adapt",
         "--next-link", "--output", "out"], cwd=FOLDER, stdout=log, stderr=log)

    def port():
        with open(log.name) as text:
            found = re.search(r"http://127\.0\.0\.1:(\d+)/#", text.read())
        return found and found.group(1)
    return origin, run, until(port, "the link is printed")


def start_prometheus(target):
    port = free_port()
    with open(f"{FOLDER}/prometheus.yml", "w") as file:
        json.dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [os.path.abspath(f"{DOCS}/alerts.yml")],
            "scrape_configs": [
                {"job_name": "runner", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}]},
            file)
    log = open(f"{FOLDER}/prometheus.log", "w")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={FOLDER}/prometheus.yml", f"--storage.tsdb.path={FOLDER}/tsdb",
         f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    return process, f"http://127.0.0.1:{port}"


def get(address):
    """The answer, or nothing while nobody listens; a refusal is told of."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return {"status": "error", "error": error.read().decode()}
    except OSError:
        return None


def query(base, text):
    return get(f"{base}/api/v1/query?{urllib.parse.urlencode({'query': text})}")


def values(answer):
    """The numbers found; those of a division by nothing are none."""
    found = [float(series["value"][1]) for series in answer["data"]["result"]]
    return [value for value in found if not math.isnan(value)]


def scrapes(base):
    answer = query(base, "count_over_time(runner_requests_total[1m])")
    is_there = answer and answer["status"] == "success"
    return max(values(answer), default=0) if is_there else 0


def dashboard():
    with open(f"{DOCS}/grafana.json") as file:
        panels = json.load(file)["panels"]
    for panel in panels:
        for target in panel["targets"]:
            text = target["expr"].replace("$instance", ".*").replace("$job", ".*")
            yield f"panel '{panel.get('title')}'", text


def alerts(base):
    answer = get(f"{base}/api/v1/rules")
    rules = [rule for group in answer["data"]["groups"] for rule in group["rules"]]
    for rule in rules:
        if rule["health"] == "err":
            complain(rule["name"], rule["lastError"])
        # As a rule an alert finds nothing: its comparisons are asked for their result instead.
        text = re.sub(r"(==|>|<)\s*([\d.]+(?:e[+]?\d+)?)", r"\1 bool \2", rule["query"])
        if text == rule["query"]:
            complain(rule["name"], "compares nothing")
        yield f"alert {rule['name']}", text


def main():
    origin, run, port = start_run()
    prometheus, base = start_prometheus(port)
    try:
        until(lambda: scrapes(base) >= SCRAPES, "Prometheus has scraped the run")
        asked = 0
        for name, text in [*dashboard(), *alerts(base)]:
            asked += 1
            answer = query(base, text)
            if answer is None or answer["status"] != "success":
                complain(name, text, answer)
            elif not values(answer):
                complain(name, "finds nothing:", text)
        if asked < 25:
            complain("too few queries were asked", asked)
        # What the dashboard's variables are asked for.
        if query(base, "runner_build_info")["data"]["result"][0]["metric"]["job"] != "runner":
            complain("runner_build_info has no job")
        if run.poll() is not None:
            complain("the run ended before the queries did", run.returncode)
        print(f"{asked} queries")
    finally:
        for process in [prometheus, run, origin]:
            process.kill()
            process.wait()
    sys.exit(1 if faults else 0)


main()
