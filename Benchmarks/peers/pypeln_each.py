"""aiohttp under pypeln's `task.each`, which draws from a lazy iterator and bounds the workers.

pypeln_each.py REQUESTS URL-TEMPLATE WORKERS
"""

import asyncio
import sys

import pypeln
from aiohttp import ClientError, ClientSession, TCPConnector


async def main(requests: int, template: str, workers: int) -> int:
    """Fetches all and returns how many answers were bad."""
    bad = 0

    # pypeln's workers are the limit, so the connector needs none.
    async with ClientSession(connector=TCPConnector(limit=0)) as session:

        async def fetch(job: int) -> None:
            nonlocal bad
            try:
                async with session.get(template.format(job)) as response:
                    await response.read()
                    bad += response.status != 200
            except (ClientError, OSError, TimeoutError):
                bad += 1

        await pypeln.task.each(fetch, range(requests), workers=workers)
    return bad


bad_answers = asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
if bad_answers:
    sys.exit(f"{bad_answers} bad answers")
