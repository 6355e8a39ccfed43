"""Checks an output in jsonl against the pages of the test origin's /site/SEED.PAGES/NUMBER, or of its
/cursors/SEED.LISTS.PAGES/NUMBER.

    check_site.py FOLDER SEED.PAGES|SEED.LISTS.PAGES [--records]

Each page must be there exactly once, found on a page that leads to it; with --records, with the record
that site_handler.py makes of it. The pages are walked here by themselves, from page 0 on: what
Tests/TestServer/SitePage.swift and CursorPage.swift say is said here again, and no code is shared.
Prints the number of pages; exits with 1 and the first faults when there are any.
"""

import collections
import glob
import json
import os
import sys

from mixed_body import MASK, splitmix64


def links_of(page, seed, pages):
    """The pages that a page links to, and how many links it has in all."""
    numbers = splitmix64((seed + page) & MASK)
    links = [child for child in (2 * page + 1, 2 * page + 2) if child < pages]
    others = [next(numbers) % pages for _ in range(4)]
    # The last of them comes twice, behind a link to the page itself; then a query and another host.
    count = len(links) + 3 + 3 + 2
    return set(links + others), count


def cursors_of(page, seed, lists, pages):
    """The pages that a page of a list leads to, and how many values it has that do."""
    if page == 0:
        return {1 + number * pages for number in range(lists)}, lists
    links = [1 + next(splitmix64((seed + page) & MASK)) % (lists * pages)]
    if page % pages:
        links.append(page + 1)
    return set(links), len(links)


def walk(seed, *sizes):
    links_of_page = links_of if len(sizes) == 1 else cursors_of
    links, waiting, seen = {}, [0], {0}
    while waiting:
        page = waiting.pop()
        links[page] = links_of_page(page, seed, *sizes)
        new = links[page][0] - seen
        seen |= new
        waiting.extend(new)
    return links


def main():
    folder, site = sys.argv[1:3]
    site_links = walk(*map(int, site.split(".")))
    faults, lines = [], {}
    times = collections.Counter()
    for name in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
        with open(name, encoding="utf-8") as file:
            for text in file:
                line = json.loads(text)
                page = int(line["url"].rsplit("/", 1)[1])
                times[page] += 1
                key = line["batch"], line["id"]
                if key in lines:
                    faults.append(f"job {key} has two records")
                lines[key] = page, line
    for page in site_links.keys() | times.keys():
        if page not in site_links or times[page] != 1:
            faults.append(f"page {page} is there {times[page]} times")
    for page, line in lines.values():
        origin = line.get("found_on")
        if page and origin:
            parent = lines.get((origin["batch"], origin["id"]))
            if parent is None or page not in site_links[parent[0]][0]:
                faults.append(f"page {page} was not found on {origin}")
            elif line["depth"] != parent[1].get("depth", 0) + 1:
                faults.append(f"page {page} is at depth {line['depth']}")
        elif page:
            faults.append(f"page {page} was found nowhere")
        if "--records" in sys.argv:
            wanted = [{"page": page, "links": site_links[page][1]}]
            if line["records"] != wanted:
                faults.append(f"page {page} has the records {line['records']}, not {wanted}")
    print(len(times))
    if faults:
        sys.exit("\n".join([f"{len(faults)} faults", *faults[:10]]))


if __name__ == "__main__":
    main()
