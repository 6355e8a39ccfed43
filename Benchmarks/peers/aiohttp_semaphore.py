"""aiohttp with a task a request, all made up front, held back by a semaphore: the shape most posts
show. Its memory grows with the requests.

aiohttp_semaphore.py REQUESTS URL-TEMPLATE WORKERS
"""

import asyncio
import sys

from aiohttp import ClientError, ClientSession, TCPConnector


async def main(requests: int, template: str, workers: int) -> int:
    """Fetches all and returns how many answers were bad."""
    semaphore = asyncio.Semaphore(workers)

    async def fetch(session: ClientSession, job: int) -> bool:
        async with semaphore:
            try:
                async with session.get(template.format(job)) as response:
                    await response.read()
                    return response.status == 200
            except (ClientError, OSError, TimeoutError):
                return False

    # The semaphore is the limit, so the connector needs none.
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        tasks = [asyncio.create_task(fetch(session, job)) for job in range(requests)]
        return (await asyncio.gather(*tasks)).count(False)


bad_answers = asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
if bad_answers:
    sys.exit(f"{bad_answers} bad answers")
