"""Reads a report's page as a browser would, and prints what it says as JSON.

    read_report.py FILE

Fails where the page is no well-formed HTML of the elements that reports have, where anything would be
loaded or run, or where a table has rows of other lengths than its head.
"""

import json
import sys
from html.parser import HTMLParser

VOID = {"meta", "link"}
KNOWN = VOID | {
    "html", "head", "title", "style", "body", "header", "h1", "h2", "small", "span", "main",
    "section", "dl", "div", "dt", "dd", "ul", "ol", "li", "i", "b", "p", "code", "footer", "time",
    "table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "path", "line", "text"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tables, self.tiles, self.legends, self.texts = [], {}, {}, {}, []
        self.policy = self.label = self.key = None
        self.rows = []
        self.charts = []

    def handle_starttag(self, tag, attributes, closed=False):
        attributes = dict(attributes)
        assert tag in KNOWN or tag == "title", tag
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("src", "style", "action"), name
            assert name != "href" or value.startswith("data:"), value
        if attributes.get("http-equiv") == "Content-Security-Policy":
            assert self.open == ["html", "head"]
            self.policy = attributes["content"]
        if tag == "svg" and "aria-label" in attributes:
            self.charts.append(attributes["aria-label"])
        if attributes.get("role") == "region":
            self.label, self.rows = attributes["aria-label"], []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID and not closed:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes, closed=True)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.open)
        if tag == "table":
            lengths = {len(row) for row in self.rows}
            assert len(lengths) == 1, self.rows
            self.tables[self.label] = self.rows[1:]

    def handle_data(self, data):
        if not self.open or "style" in self.open:
            return
        tag = self.open[-1]
        if tag in ("td", "th"):
            self.rows[-1][-1] += data
        elif tag == "dt":
            self.key = data
        elif tag == "dd":
            self.tiles.setdefault(self.key, []).append(data)
        elif tag == "b":
            self.legends[self.name.strip()] = data
        elif tag == "li":
            self.name = data
        else:
            self.texts.append(data)


page = Page()
with open(sys.argv[1], encoding="utf-8") as file:
    page.feed(file.read())
page.close()
assert not page.open, page.open
json.dump({
    "policy": page.policy, "tables": page.tables, "tiles": page.tiles, "legends": page.legends,
    "texts": page.texts, "charts": page.charts}, sys.stdout)
