"""A relay that may stand still, as a network that is cut does: connections stay open, and nothing
comes through.

    stalling_relay.py PORT [BYTES SEED]
        forwards to 127.0.0.1:PORT; with BYTES, breaks each connection after a random number of
        bytes: about so many to the port, or an eighth of that from it

Prints the address it listens at. SIGUSR1 has it stand still, SIGUSR2 go on with what has waited.
"""

import asyncio
import random
import signal
import sys


async def pump(reader, writer, flowing, left):
    """Forwards up to a number of bytes."""
    try:
        while left > 0:
            await flowing.wait()
            data = (await reader.read(65536))[:left]
            await flowing.wait()
            if not data:
                break
            left -= len(data)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()
    return left


async def main():
    flowing = asyncio.Event()
    flowing.set()
    mean = int(sys.argv[2]) if len(sys.argv) > 2 else None
    chance = random.Random(sys.argv[3]) if mean else None

    def bytes_until_break(mean_bytes):
        return int(chance.expovariate(1 / mean_bytes)) + 1 if chance else sys.maxsize

    async def forward(reader, writer, mean_bytes, opposite):
        if await pump(reader, writer, flowing, bytes_until_break(mean_bytes)) == 0:
            opposite.close()

    async def relay(reader, writer):
        await flowing.wait()
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            forward(reader, other_writer, mean, writer),
            forward(other_reader, writer, mean and mean / 8, other_writer))

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, flowing.clear)
    loop.add_signal_handler(signal.SIGUSR2, flowing.set)
    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
