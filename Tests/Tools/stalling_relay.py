"""A relay that may stand still, as a network that is cut does: connections stay open, and nothing
comes through.

    stalling_relay.py PORT
        forwards to 127.0.0.1:PORT

Prints the address it listens at. SIGUSR1 has it stand still, SIGUSR2 go on with what has waited.
"""

import asyncio
import signal
import sys


async def pump(reader, writer, flowing):
    try:
        while True:
            await flowing.wait()
            data = await reader.read(65536)
            await flowing.wait()
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def main():
    flowing = asyncio.Event()
    flowing.set()

    async def relay(reader, writer):
        await flowing.wait()
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            pump(reader, other_writer, flowing), pump(other_reader, writer, flowing))

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, flowing.clear)
    loop.add_signal_handler(signal.SIGUSR2, flowing.set)
    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
