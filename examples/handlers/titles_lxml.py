"""Title and first heading of each page. Python 3 with lxml (in Debian: python3-lxml)."""
import base64
import json
import sys

from lxml import html

for line in sys.stdin:
    page = json.loads(line)
    if "body_file" in page:
        with open(page["body_file"], "rb") as file:
            body = file.read()
    else:
        body = page["body"].encode() if "body" in page else base64.b64decode(page["body_base64"])
    answer = {"request": page["request"]}
    if body.strip():
        tree = html.fromstring(body)
        answer["records"] = [{"title": tree.findtext(".//title"), "h1": tree.findtext(".//h1")}]
        answer["follow"] = tree.xpath("//a[@rel='next']/@href")
    else:
        answer["verdict"] = {"failed": "the page is empty"}
    print(json.dumps(answer), flush=True)
