"""A handler of responses (docs/HANDLERS.md) for the pages of the test origin's /site/SEED.PAGES/NUMBER.

Makes one record of each page, and names its links, those with a query left out.
"""

import json
import re
import sys

for line in sys.stdin:
    response = json.loads(line)
    body = response.get("body", "")
    links = re.findall(r'href="([^"]*)"', body)
    title = re.search(r"<title>Page (\d+)</title>", body)
    answer = {
        "request": response["request"],
        "records": [{"page": int(title.group(1)), "links": len(links)}],
        "follow": [link for link in links if "?" not in link],
    }
    print(json.dumps(answer), flush=True)
