"""Scrapy with a job directory, so that it can resume, and a feed of what it got.

scrapy_jobdir.py REQUESTS URL-TEMPLATE WORKERS

Writes job/ and out.jsonl in the folder it is run in, which must not have them yet. Resuming is
promised after a clean stop only, not after a kill.
"""

import sys
from collections.abc import AsyncIterator, Iterator

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response


class RangeSpider(scrapy.Spider):
    """Fetches the IDs from 0 up to `requests`."""

    name = "range"
    requests: int
    template: str

    async def start(self) -> AsyncIterator[scrapy.Request]:
        for job in range(self.requests):
            yield scrapy.Request(self.template.format(job))

    def parse(self, response: Response) -> Iterator[dict[str, object]]:
        yield {"url": response.url, "body_bytes": len(response.body)}


def main(requests: int, template: str, workers: int) -> int:
    """Fetches all and returns how many answers were bad."""
    process = CrawlerProcess(
        {
            "CONCURRENT_REQUESTS": workers,
            "CONCURRENT_REQUESTS_PER_DOMAIN": workers,
            "DOWNLOAD_DELAY": 0,
            "JOBDIR": "job",
            "FEEDS": {"out.jsonl": {"format": "jsonlines"}},
            # What a crawl of an API does without.
            "COOKIES_ENABLED": False,
            "RETRY_ENABLED": False,
            "ROBOTSTXT_OBEY": False,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "ERROR",
        }
    )
    crawler = process.create_crawler(RangeSpider)
    process.crawl(crawler, requests=requests, template=template)
    process.start()
    return requests - crawler.stats.get_value("downloader/response_status_count/200", 0)


if __name__ == "__main__":
    bad_answers = main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    if bad_answers:
        sys.exit(f"{bad_answers} bad answers")
