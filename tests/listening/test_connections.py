"""Connections that take their time, and raters without end: nobody stops the test for others."""

import contextlib
import resource
import socket
import time
from types import SimpleNamespace

import pytest
from listening_support import Rater

from ada.listening import Store
from ada.listening.beginners import Beginners
from ada.listening.server import make_app
from ada.listening.store import StoredClip
from ada.web.connections import _connection_limit, _Watch


class Channel(SimpleNamespace):
    """What is looked at of one of waitress's connections."""

    __hash__ = object.__hash__

    def __init__(self, **doing):
        fields = {"requests": [], "total_outbufs_len": 0, "request": None, "last_activity": 0.0}
        self.shut = []
        fields["socket"] = SimpleNamespace(shutdown=self.shut.append)
        super().__init__(**fields | doing)

    @property
    def closed(self):
        return bool(self.shut)


@pytest.mark.parametrize(
    ("doing", "secs"),
    [({}, 30), ({"request": object()}, 15), ({"total_outbufs_len": 9}, 300)],
)
def test_each_thing_has_its_time(doing, secs):
    """However often a byte of it comes or goes."""
    watch, channel = _Watch(100), Channel(**doing)
    for now in (0.0, secs / 2, secs):
        channel.last_activity = now if doing else 0.0
        watch.close_stale([channel], now)
        assert not channel.closed
    watch.close_stale([channel], secs + 1.0)
    assert channel.closed


def test_connection_with_another_request_stays():
    watch, channel = _Watch(100), Channel()
    for now in range(100):
        channel.request = object()
        channel.last_activity = now
        watch.close_stale([channel], float(now))
    channel.requests = [object()]
    for now in range(100, 1000, 100):
        watch.close_stale([channel], float(now))
    assert not channel.closed


def test_of_too_many_the_stalest_go():
    watch = _Watch(3)
    channels = [Channel(last_activity=float(n)) for n in range(5)]
    channels[0].requests = [object()]  # is being answered
    watch.close_stale(channels, 5.0)
    assert [channel.closed for channel in channels] == [False, True, True, False, False]


def test_descriptors_of_closed_connections_are_not_reused_at_once():
    """In one round of polling, what happened to the old one would be taken for the new one's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        watch = _Watch(0)
        watch.close_stale([Channel(socket=ours)], 1.0)
        assert ours.fileno() >= 0
        assert theirs.recv(1) == b""


def test_the_limit_is_what_the_process_may_have(monkeypatch):
    given = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: given.append(limits))
    for soft, hard, most in ((1024, 4096, 3840), (1024, 2**20, 8192), (256, 256, 64)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, both=(soft, hard): both)
        assert _connection_limit() == most
    assert given[0] == (4096, 4096)


def test_a_hundred_may_begin_at_once_from_one_address(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    beginners = Beginners()
    assert [beginners.may("a") for _ in range(150)].count(True) == 100
    assert beginners.may("b")
    now[0] = 20.0
    assert [beginners.may("a") for _ in range(50)].count(True) == 10


def test_slow_clients_do_not_block_others(shared_server):
    rater = Rater(shared_server).begin()
    key = rater.session()[0]["clip"]
    asked = f"GET /clips/{key} HTTP/1.1\r\nHost: x\r\nCookie: {rater.cookie}\r\n"
    with contextlib.ExitStack() as stack:
        for number in range(240):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect(("127.0.0.1", shared_server.port))
            # Nothing; half of a request; many that are asked for and not read.
            connection.sendall([b"", asked.encode(), f"{asked}\r\n".encode() * 20][number % 3])
        for _ in range(3):
            began = time.monotonic()
            assert len(rater.session()) == 6 and rater.clip(key)[0] == 200
            assert time.monotonic() - began < 10.0


def test_nobody_begins_without_end_or_invitation(tmp_path):
    store = Store(tmp_path / "r.sqlite", create=True)
    store.create([StoredClip("a", "b.wav", "c", 0.0)], -20.0)
    client = make_app(store, {}, rounds=1, max_raters=500).test_client(use_cookies=False)
    codes = [client.post("/raters", json={}).status_code for _ in range(130)]
    assert codes == [204] * 100 + [429] * 30
    for body in ({"invitation": 3}, {"invitation": "x", "a": 1}, []):
        assert client.post("/raters", json=body).status_code == 400
    [key] = store.invite(1)
    client = make_app(store, {}, rounds=1, max_raters=500).test_client(use_cookies=False)
    for body in ({}, {"invitation": "x"}):
        assert client.post("/raters", json=body).status_code == 403
    assert client.post("/raters", json={"invitation": key}).status_code == 204
    store.close()
