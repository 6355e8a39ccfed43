"""Measures how long a killed run takes from its start to its first request."""

import socket
import time

import child
import measure

DEADLINE_S = 60


def first_request_ms(command: list[str], port: int, is_https: bool = False) -> float:
    """Starts `command`, and kills it when the first bytes of a request reach `port`: with HTTPS
    those of a TLS handshake.

    The origin must be stopped: a socket of ours takes its place, so that the moment is seen by the
    kernel's hand-over and not by a poll. The killed run leaves its jobs in flight unanswered.

    Returns:
        ms from just before the program is spawned to the first bytes.

    Raises:
        measure.Failed: It ended, or asked for nothing within a minute.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # accept() then returns when a connection has sent something, not when it was made.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEADLINE_S)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise measure.Failed(f"port {port} was taken meanwhile: {error.strerror}") from None
        listener.listen(4096)
        listener.settimeout(0.1)
        with child.Child(command) as run:
            while True:
                try:
                    connection, _ = listener.accept()
                    arrived_s = time.monotonic()
                    break
                except TimeoutError:
                    pass
                if run.exit_code() is not None:
                    code = run.exit_code()
                    raise measure.Failed(f"the resumed run ended with {code}: {run.last_words()}")
                if time.monotonic() > run.started_s + DEADLINE_S:
                    raise measure.Failed(f"the resumed run asked for nothing in {DEADLINE_S} s")
        with connection:
            connection.setblocking(False)
            # A handshake begins with a record of type 22: RFC 8446, section 5.1.
            if not connection.recv(16).startswith(b"\x16\x03" if is_https else b"GET "):
                raise measure.Failed("what came first was not a request")
        return (arrived_s - run.started_s) * 1000
