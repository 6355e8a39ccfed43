"""A relay that may stand still, as a network that is cut does: connections stay open, and nothing
comes through.

    stalling_relay.py PORT [BYTES SEED]
        forwards to 127.0.0.1:PORT; with BYTES, breaks each connection after a random number of
        bytes: about so many to the port, or an eighth of that from it

    stalling_relay.py PORT --away SECONDS TEXT
        forwards, and once TEXT has gone to the port, and the next COMMIT was answered, breaks that
        connection and turns all away for some seconds

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
    mean = int(sys.argv[2]) if len(sys.argv) > 2 and "--away" not in sys.argv else None
    chance = random.Random(sys.argv[3]) if mean else None

    def bytes_until_break(mean_bytes):
        return int(chance.expovariate(1 / mean_bytes)) + 1 if chance else sys.maxsize

    async def forward(reader, writer, mean_bytes, opposite):
        if await pump(reader, writer, flowing, bytes_until_break(mean_bytes)) == 0:
            opposite.close()

    away = float(sys.argv[3]) if "--away" in sys.argv else None
    gone, back = asyncio.Event(), asyncio.Event()

    async def watched(reader, writer, text, told):
        """Forwards until a COMMIT after the text; then what comes back once more."""
        is_seen = False
        while data := await reader.read(65536):
            is_seen = is_seen or text in data
            if is_seen and b"COMMIT" in data:
                told.set()
            writer.write(data)
        writer.close()

    async def answers(reader, writer, told, opposite):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
            if told.is_set() and not gone.is_set():
                gone.set()
                print("away", flush=True)
                asyncio.get_running_loop().call_later(away, back.set)
                break
        writer.close()
        opposite.close()

    async def relay(reader, writer):
        await flowing.wait()
        if gone.is_set() and not back.is_set():
            writer.close()
            return
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
        except OSError:
            writer.close()
            return
        if away is not None:
            told = asyncio.Event()
            await asyncio.gather(
                watched(reader, other_writer, sys.argv[4].encode(), told),
                answers(other_reader, writer, told, other_writer))
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
