"""Many sites at one port, such as a polite crawl meets, with their robots.txt, sitemaps and traps.

    crawl_origin.py [--sites 50] [--port 0] [--mute]

Prints the address it listens at. A host whose first label ends with a number, as `site-7.test`, is
that site; any other is a place that no crawl of the sites has business with. All sites have a home
page, a tree of pages that link back, a chain of pages without an end, pages by query without an end,
relative links that grow, pages that are gone, one that redirects to `elsewhere.test`, links out, and a
page with X-Robots-Tag that says not to follow its links. /docs/ has pages of its own, to which no
other leads. By number they differ:

    n % 10 == 0    no robots.txt
    n % 10 == 3    Crawl-delay: 0.4
    n % 10 == 5    a robots.txt of 600 KB, its rules in the first lines
    n % 10 == 7    a robots.txt that takes half a second
    n % 3 == 0     /sitemap.xml, which names pages of other hosts, too
    n % 3 == 1     robots.txt names an index of sitemaps, which are compressed; one is broken
    n % 3 == 2     no sitemap
    --mute         the last site never answers to /robots.txt

    /_/log         {"requests": [[host, path, seconds], ...], "most": {host: requests at once}, "now": N}
    /_/expected?depth=D&host=site-%25d.test:PORT    {URL without the scheme: depth} of all pages that a
                   crawl gets from the home pages and sitemaps, D steps far
"""

import argparse
import collections
import gzip
import http.server
import json
import threading
import time
import urllib.parse

CLOSED = "/closed/"
PAGES = 12


class Site:
    """What a host serves: of each path, the status, the fields, the body, and where it leads."""

    def __init__(self, number, host):
        self.number, self.host = number, host

    def has_robots(self):
        return self.number % 10 != 0

    def robots(self, base):
        lines = ["User-agent: *", "Disallow: " + CLOSED]
        if self.number % 10 == 3:
            lines.append("Crawl-delay: 0.4")
        if self.number % 3 == 1:
            lines.append("Sitemap: %s/maps/index.xml" % base)
        if self.number % 10 == 5:
            lines += ["#" * 99] * 6000
        return "\n".join(lines).encode() + b"\n"

    def sitemap(self):
        """The address of its sitemap, as somebody knows who has read its robots.txt."""
        named = self.number % 3 == 1 and self.has_robots()
        return "/maps/index.xml" if named else "/sitemap.xml"

    def links(self, path):
        """The references of a page, in its text; `None` when there is no such page."""
        kind, _, name = path[1:].partition("/")
        number = int(name) if name.isdigit() else 0
        if path == "/":
            return (["/tree/1", "/tree/2", "chain/1", "/closed/1", "/gone", "/out", "/quiet",
                     "/?day=1", "grow/x/", "http://elsewhere.test/", "mailto:a@b.test",
                     "//%s/#top" % self.host])
        if kind == "tree" and 1 <= number <= PAGES:
            below = [n for n in (2 * number + 1, 2 * number + 2) if n <= PAGES]
            return ["/tree/%d" % n for n in below] + ["/", "#here", "/closed/%d" % number]
        if kind == "chain" and number:
            return ["%d" % (number + 1), "/"]
        if kind == "docs" and name in ("", "deep/page", "page"):
            return {"": ["deep/page", "/tree/1"], "deep/page": ["../page", "../"], "page": []}[name]
        if kind == "grow":
            return ["x/"]
        if kind == "map" and number:
            return ["/", "/more/%d" % number]
        if kind == "more" and number:
            return ["/"]
        if kind == "quiet":
            return ["/hidden"]
        if path.startswith("/?day="):
            return ["/?day=%d" % (int(path[6:]) + 1)]
        if path == "/hidden" or kind == "closed":
            return ["/"]
        return None

    def answer(self, path, base):
        """Status, fields, body."""
        if path == "/robots.txt":
            return (200, [], self.robots(base)) if self.has_robots() else (404, [], b"")
        if path == "/sitemap.xml" and self.number % 3 == 0:
            return 200, [("Content-Type", "application/xml")], sitemap(
                [base + "/map/1", base + "/map/2", "http://elsewhere.test/map", base + CLOSED])
        if path == "/maps/index.xml" and self.number % 3 == 1:
            return 200, [("Content-Type", "text/xml")], sitemap(
                [base + "/maps/a.xml.gz", base + "/maps/broken.xml"], "sitemap")
        if path == "/maps/a.xml.gz" and self.number % 3 == 1:
            body = gzip.compress(sitemap([base + "/map/1", base + "/map/2"]))
            return 200, [("Content-Type", "application/gzip")], body
        if path == "/maps/broken.xml" and self.number % 3 == 1:
            return 200, [("Content-Type", "text/xml")], sitemap([base + "/map/3"])[:-5]
        if path == "/out":
            port = urllib.parse.urlsplit(base).port
            where = "http://elsewhere.test%s/landed" % (":%d" % port if port else "")
            return 302, [("Location", where)], b""
        links = self.links(path)
        if links is None:
            return 404, [], b"gone\n"
        fields = [("Content-Type", "text/html; charset=utf-8")]
        if path == "/quiet":
            fields.append(("X-Robots-Tag", "otherbot: noindex"))
            fields.append(("X-Robots-Tag", "Runner: noindex, NoFollow"))
        body = "".join("<li><a href='%s'>%s</a>\n" % (link, link) for link in links)
        return 200, fields, ("<!doctype html><title>%s</title>\n%s" % (path, body)).encode()

    def follows(self, path, base):
        """The paths of the same host that a crawl finds at a path that it gets."""
        status, _, body = self.answer(path, base)
        if status != 200 or path == "/quiet":
            return []
        if path.endswith((".xml", ".gz")):
            text = (gzip.decompress(body) if path.endswith(".gz") else body).decode()
            urls = [part.split("</loc>")[0] for part in text.split("<loc>")[1:]]
        else:
            urls = [urllib.parse.urljoin(base + path, link) for link in self.links(path)]
        found = []
        for url in urls:
            parts = urllib.parse.urlsplit(url)
            if parts.scheme in ("http", "https") and parts.netloc == urllib.parse.urlsplit(base).netloc:
                found.append((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return found

    def expected(self, base, depth_max):
        """The depth of each page that a crawl of so many steps gets with 2xx."""
        depths = {"/": 0, self.sitemap(): 0}
        waiting = list(depths)
        while waiting:
            path = waiting.pop(0)
            if self.is_closed(path):
                continue
            for found in self.follows(path, base):
                if found not in depths and depths[path] < depth_max:
                    depths[found] = depths[path] + 1
                    waiting.append(found)
        # A redirect leads to a page.
        return {path: depth for path, depth in depths.items()
                if not self.is_closed(path) and self.answer(path, base)[0] in (200, 302)}

    def is_closed(self, path):
        return self.has_robots() and path.startswith(CLOSED)


def sitemap(urls, entry="url"):
    root = "urlset" if entry == "url" else "sitemapindex"
    entries = "".join(f"<{entry}><loc>{url}</loc></{entry}>\n" for url in urls)
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</{root}>\n').encode()


class Sites(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    log = []
    now = collections.Counter()
    most = collections.Counter()
    sites = 50
    is_mute = False

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        authority = url.netloc or self.headers.get("Host", "")
        host = authority.split(":")[0]
        path = (url.path or "/") + ("?" + url.query if url.query else "")
        base = "%s://%s" % (self.headers.get("X-Forwarded-Proto", "http"), authority)
        if path.startswith("/_/"):
            return self.tell(path, url)
        with Sites.lock:
            Sites.log.append([host, path, time.monotonic()])
        number = number_of(host)
        if number is None:
            return self.reply(200, [("Content-Type", "text/html")], b"<a href='/further'>x</a>")
        site = Site(number, host)
        if path == "/robots.txt":
            if Sites.is_mute and number == Sites.sites:
                time.sleep(600)
            if number % 10 == 7:
                time.sleep(0.5)
        else:
            with Sites.lock:
                Sites.now[host] += 1
                Sites.most[host] = max(Sites.most[host], Sites.now[host])
            # Some pages take longer than the time between two requests.
            time.sleep(0.3 if len(path) % 3 == 0 else 0.01)
            # Before the answer, upon which the next request may come.
            with Sites.lock:
                Sites.now[host] -= 1
        self.reply(*site.answer(path, base))

    def tell(self, path, url):
        self.close_connection = True
        with Sites.lock:
            told = {"requests": Sites.log, "most": Sites.most, "now": sum(Sites.now.values())}
            if path.startswith("/_/expected"):
                query = dict(urllib.parse.parse_qsl(url.query))
                told = {}
                for number in range(1, Sites.sites + 1):
                    if Sites.is_mute and number == Sites.sites:
                        continue
                    host = query["host"] % number
                    site = Site(number, host.split(":")[0])
                    pages = site.expected("http://" + host, int(query["depth"]))
                    told.update({host + path: depth for path, depth in pages.items()})
            body = json.dumps(told).encode()
        self.reply(200, [("Connection", "close")], body)

    def reply(self, status, fields, body):
        try:
            self.send_response(status)
            for name, value in fields:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the one who asked has gone

    def log_message(self, *_):
        pass


def number_of(host):
    digits = host.split(".")[0].rpartition("-")[2]
    return int(digits) if digits.isdigit() else None


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request, address):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mute", action="store_true")
    arguments = parser.parse_args()
    Sites.sites, Sites.is_mute = arguments.sites, arguments.mute
    server = Server(("127.0.0.1", arguments.port), Sites)
    print("listening on http://127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
