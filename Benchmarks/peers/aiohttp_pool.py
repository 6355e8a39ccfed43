"""aiohttp with a fixed pool of workers on one lazy iterator: its best plain shape.

aiohttp_pool.py REQUESTS URL-TEMPLATE WORKERS [uvloop]
"""

import asyncio
import sys

from aiohttp import ClientError, ClientSession, TCPConnector


async def main(requests: int, template: str, workers: int) -> int:
    """Fetches all and returns how many answers were bad."""
    bad = 0
    ids = iter(range(requests))

    async def work(session: ClientSession) -> None:
        nonlocal bad
        for job in ids:
            try:
                async with session.get(template.format(job)) as response:
                    await response.read()
                    bad += response.status != 200
            except (ClientError, OSError, TimeoutError):
                bad += 1

    # The pool is the limit, so the connector needs none.
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        await asyncio.gather(*(work(session) for _ in range(workers)))
    return bad


if sys.argv[4:] == ["uvloop"]:
    import uvloop

    uvloop.install()
bad_answers = asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
if bad_answers:
    sys.exit(f"{bad_answers} bad answers")
