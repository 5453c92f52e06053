"""A server for web applications that slow or broken connections cannot block.

Waitress reads and writes without waiting, and its threads are busy only while they make an answer.
What it lacks is an end to connections that send or read a byte now and then, and room for many.
"""

import contextlib
import logging
import resource
import socket
import threading

import flask
import waitress
from waitress.channel import HTTPChannel

_THREADS = 16
_MOST_CONNECTIONS = 8192
# Files besides connections: clips, ratings, libraries.
_OTHER_FILES = 256
# So long a connection may be idle, take to send a request, and take to read what it was sent.
_IDLE_SECS, _RECEIVING_SECS, _SENDING_SECS = 30, 15, 300
# Of all connections this share may stay; beyond it those go that were idle for longest.
_SHARE = 0.75


def make_server(
    app: flask.Flask, listening: socket.socket, most_bytes: int = 65_536
) -> waitress.server.BaseWSGIServer:
    """A server for an application, without a `Server` header and without a log.

    Args:
      app: the application.
      listening: a socket that listens.
      most_bytes: of the body of a request.
    """
    # It warns when requests wait for a thread, which does not matter here.
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    limit = _connection_limit()
    server = waitress.create_server(
        app,
        sockets=[listening],
        threads=_THREADS,
        ident=None,
        server_name=listening.getsockname()[0],
        connection_limit=limit,
        channel_timeout=_IDLE_SECS,
        cleanup_interval=1,
        # `select` ends with the 1,024th file.
        asyncore_use_poll=True,
        # A thread would wait for a client that does not read.
        outbuf_high_watermark=2**40,
        max_request_header_size=16_384,
        max_request_body_size=most_bytes,
    )
    watch = _Watch(round(_SHARE * limit))
    server.maintenance = lambda now: watch.close_stale(list(server.active_channels.values()), now)
    return server


def serve(server: waitress.server.BaseWSGIServer) -> None:
    """Runs a server until the process is stopped."""
    # In a thread of its own: waitress takes Ctrl-C and SIGTERM for a good end.
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    thread.join()


def _connection_limit() -> int:
    """The limit of connections; raises the limit of open files of the process if necessary."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(min(_MOST_CONNECTIONS, soft - _OTHER_FILES), 64)


class _Watch:
    """Closes connections that take too long.

    Args:
      most: connections; the stalest of more are closed.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._since: dict[HTTPChannel, tuple[tuple, float]] = {}

    def close_stale(self, channels: list[HTTPChannel], now: float) -> None:
        """Closes stale connections; called repeatedly, in the thread that closes connections."""
        since, stale = {}, []
        for channel in channels:
            doing, limit = _doing(channel)
            before, began = self._since.get(channel, (None, now))
            since[channel] = doing, began if doing == before else now
            if doing[0] == "idle":
                since[channel] = doing, channel.last_activity
            if limit is not None:
                stale.append((limit - (now - since[channel][1]), channel))
        self._since = since
        stale.sort(key=lambda item: item[0])
        too_many = max(len(channels) - self._most, 0)
        for number, (secs_left, channel) in enumerate(stale):
            if number < too_many or secs_left < 0:
                # Not `will_close`, which waits for the client to read. Nor `handle_close`: the next
                # connection would get the number of its file, and what poll says of the old one.
                with contextlib.suppress(OSError):
                    channel.socket.shutdown(socket.SHUT_RDWR)


def _doing(channel: HTTPChannel) -> tuple[tuple, float | None]:
    """The state of a connection, and its time limit; None for no limit."""
    if channel.requests:
        return ("answered",), None
    if channel.total_outbufs_len:
        return ("sent to",), _SENDING_SECS
    if channel.request is not None:
        return ("receiving", id(channel.request)), _RECEIVING_SECS
    return ("idle",), _IDLE_SECS
