"""Clients of a web server that take their time, ask for too much, or are rude.

Run as a process of its own, so that it does not slow down who measures:
`python hostile_clients.py HOST PORT CLIP COOKIE`, until it is killed.
"""

import asyncio
import contextlib
import random
import sys


class Clients:
    """What each kind of client does with one connection, over and over.

    Args:
      host: of the server.
      port: of the server.
      clip: the path of something large.
      cookie: what a rater has.
    """

    def __init__(self, host, port, clip, cookie):
        self._address = host, port
        headers = f"Host: {host}\r\nCookie: {cookie}\r\n"
        self._request = f"GET {clip} HTTP/1.1\r\n{headers}\r\n".encode()
        self._begun = f"GET {clip} HTTP/1.1\r\n{headers}".encode()
        self._rng = random.Random(0)

    async def idle(self, _reader, _writer):
        """Says nothing."""
        await asyncio.sleep(60)

    async def slow_headers(self, _reader, writer):
        """A byte of a header now and then, without end."""
        writer.write(self._begun)
        while True:
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(1)

    async def slow_body(self, _reader, writer):
        """A body that was said to be long, a byte now and then."""
        writer.write(self._begun.replace(b"GET", b"POST") + b"Content-Length: 60000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(1)

    async def slow_reading(self, reader, writer):
        """Asks for many answers and reads them a few bytes at a time."""
        writer.write(self._request * 50)
        while await reader.read(100):
            await asyncio.sleep(1)

    async def huge(self, reader, writer):
        """Says that 2^40 bytes follow; or a header of a megabyte; or lines without end."""
        kind = self._rng.randrange(3)
        if kind == 0:
            writer.write(self._begun.replace(b"GET", b"POST"))
            writer.write(b"Content-Length: 1099511627776\r\n\r\n")
        elif kind == 1:
            writer.write(self._begun + b"x: " + b"y" * 1_000_000)
        else:
            writer.write(self._begun + b"a: b\r\n" * 100_000)
        await reader.read()

    async def garbage(self, reader, writer):
        """Bytes that are no request."""
        writer.write(self._rng.randbytes(self._rng.randrange(1, 5000)))
        writer.write_eof()
        await reader.read()

    async def hasty(self, _reader, writer):
        """Asks, and is gone, politely or not."""
        writer.write(self._request)
        if self._rng.random() < 0.5:
            writer.transport.abort()

    async def strange_paths(self, reader, writer):
        """Asks for files that are none of its business."""
        path = self._rng.choice(
            ["/../../etc/passwd", "/clips/..%2f..%2fetc/passwd", "/clips/%00", "/" + "a/" * 4000]
        )
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        writer.write_eof()
        answer = await reader.read()
        assert b"root:" not in answer

    async def again_and_again(self, kind, pause):
        """One client of a kind, which connects again whenever it was cut off."""
        while True:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                reader, writer = await asyncio.wait_for(
                    asyncio.open_connection(*self._address, limit=2**10), 30
                )
                try:
                    await asyncio.wait_for(kind(reader, writer), 120)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(pause)

    async def attack(self):
        """All of them at once: some 1,900 connections."""
        crowd = [
            (self.idle, 1200, 1.0),
            (self.slow_headers, 200, 1.0),
            (self.slow_body, 200, 1.0),
            (self.slow_reading, 200, 1.0),
            (self.huge, 10, 0.5),
            (self.garbage, 20, 0.5),
            (self.hasty, 20, 0.5),
            (self.strange_paths, 10, 0.5),
        ]
        tasks = []
        for kind, count, pause in crowd:
            for _ in range(count):
                tasks.append(asyncio.create_task(self.again_and_again(kind, pause)))
                await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)


if __name__ == "__main__":
    host, port, clip, cookie = sys.argv[1:]
    asyncio.run(Clients(host, int(port), clip, cookie).attack())
