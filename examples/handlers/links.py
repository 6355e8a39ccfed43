"""The title of each page, and its links on the same host. Python 3, nothing else."""
import json
import re
import sys
from urllib.parse import urljoin, urlsplit

for line in sys.stdin:
    page = json.loads(line)
    base = page.get("final_url", page["url"])
    text = page.get("body", "")
    title = re.search(r"<title>(.*?)</title>", text, re.S | re.I)
    links = [urljoin(base, link) for link in re.findall(r'<a\s[^>]*?href="([^"#]+)', text, re.I)]
    print(json.dumps({
        "request": page["request"],
        "records": [{"url": base, "title": title and title[1].strip()}],
        "follow": [link for link in links if urlsplit(link).netloc == urlsplit(base).netloc],
    }), flush=True)
