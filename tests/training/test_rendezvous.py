"""Processes that meet before TensorFlow connects them; threads stand for processes."""

import contextlib
import socket
import threading
import time

import pytest
from support import free_ports

from ada.training.distributed import handshake, rendezvous
from ada.training.distributed.rendezvous import wait_for_all
from ada.utils.errors import StoppedError, UserError


@pytest.fixture
def addresses():
    return [f"localhost:{port}" for port in free_ports(3)]


@contextlib.contextmanager
def waiting(addresses, number):
    """Process `number`, waiting; its thread ends when it has met the others."""
    thread = threading.Thread(target=wait_for_all, args=(addresses, number), daemon=True)
    thread.start()
    yield thread
    thread.join(timeout=30)
    assert not thread.is_alive()


def still_waits(*threads):
    time.sleep(3 * rendezvous.POLL_SECS)
    return all(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_nobody_goes_before_all_are_there(addresses, order):
    with contextlib.ExitStack() as stack:
        first = [stack.enter_context(waiting(addresses, number)) for number in order[:2]]
        assert still_waits(*first)
        stack.enter_context(waiting(addresses, order[2]))


def test_one_that_has_gone_again_has_to_come_back(addresses):
    host, port = addresses[0].split(":")
    with waiting(addresses, 0) as first:
        time.sleep(rendezvous.POLL_SECS)
        with socket.create_connection((host, int(port))) as gone:
            handshake.introduce(gone, 1)
            assert still_waits(first)
        with waiting(addresses, 2) as third:
            assert still_waits(first, third)
            with waiting(addresses, 1):
                pass


def test_a_server_of_an_earlier_run_is_not_taken_for_the_first_process(addresses):
    port = int(addresses[0].split(":")[1])
    with socket.create_server(("", port)) as old, contextlib.ExitStack() as stack:
        others = [stack.enter_context(waiting(addresses, number)) for number in (1, 2)]
        for _ in others:
            connection, _ = old.accept()
            with connection:
                connection.sendall(b"PRI * HTTP/2.0")
        assert still_waits(*others)
        old.close()
        stack.enter_context(waiting(addresses, 0))


def test_strangers_are_sent_away(addresses):
    host, port = addresses[0].split(":")
    with waiting(addresses, 0) as first:
        time.sleep(rendezvous.POLL_SECS)
        for said in (b"GET / HTTP/1.1\r\n", b"\xff\xfe", b"ada worker 2\n", b"x" * 1000):
            with socket.create_connection((host, int(port))) as stranger:
                stranger.sendall(said)
                stranger.settimeout(10)
                with contextlib.suppress(ConnectionResetError):
                    assert stranger.recv(1) == b""
        assert still_waits(first)
        with waiting(addresses, 1), waiting(addresses, 2):
            pass


def test_a_port_that_is_taken_is_said(addresses):
    port = int(addresses[1].split(":")[1])
    with (
        socket.create_server(("", port)),
        pytest.raises(UserError, match=f"port {port}, .* in use"),
    ):
        wait_for_all(addresses, 1)


def test_a_port_that_cannot_be(addresses):
    with pytest.raises(UserError, match="cannot be used"):
        wait_for_all([*addresses[:2], "localhost:99999"], 2)


def test_who_is_missing_is_said(addresses, monkeypatch):
    monkeypatch.setattr(rendezvous, "TELL_EVERY_SECS", 0.1)
    said = []
    monkeypatch.setattr(rendezvous.log, "info", said.append)
    with waiting(addresses, 0), waiting(addresses, 2):
        time.sleep(1.0)
        with waiting(addresses, 1):
            pass
    assert f"Still waiting for {addresses[1]}." in said


def test_mute_peers_are_reported_and_hold_nobody_up(addresses, monkeypatch):
    """Whoever connects and says nothing, or half of it."""
    monkeypatch.setattr(handshake, "MUTE_SECS", 0.3)
    said = []
    monkeypatch.setattr(rendezvous.log, "warning", said.append)
    host, port = addresses[0].split(":")
    with waiting(addresses, 0), contextlib.ExitStack() as stack:
        time.sleep(rendezvous.POLL_SECS)
        for number in range(100):
            mute = stack.enter_context(socket.create_connection((host, int(port))))
            mute.sendall(b"ada worker 1"[: number % 12])
        deadline = time.monotonic() + 30
        while not said and time.monotonic() < deadline:
            time.sleep(0.02)
        with waiting(addresses, 1), waiting(addresses, 2):
            pass
    assert any("has connected to this worker and says nothing" in line for line in said)


def test_mute_first_process_is_reported_and_waiting_ends(addresses, monkeypatch):
    monkeypatch.setattr(handshake, "MUTE_SECS", 0.1)
    monkeypatch.setattr(rendezvous, "LIMIT_SECS", 1.0)
    said = []
    monkeypatch.setattr(rendezvous.log, "warning", said.append)
    with (
        socket.create_server(("", int(addresses[0].split(":")[1]))),
        pytest.raises(StoppedError, match="did not come within"),
    ):
        wait_for_all(addresses, 2)
    where = f"{addresses[0]}: what is there"
    assert said == [f"{where} takes the connection and says nothing."]


@pytest.mark.parametrize("number", [0, 3])
def test_numbers_of_no_worker_are_sent_away(addresses, number):
    host, port = addresses[0].split(":")
    with waiting(addresses, 0) as first:
        time.sleep(rendezvous.POLL_SECS)
        with socket.create_connection((host, int(port))) as stranger:
            handshake.introduce(stranger, number)
            assert handshake.hear_line(stranger, lambda: None) == b""
        assert still_waits(first)
        with waiting(addresses, 1), waiting(addresses, 2):
            pass


def test_who_does_not_know_the_secret_is_no_worker(addresses, monkeypatch):
    """Neither as a worker, nor as the first; proofs of other moments are worth nothing."""
    monkeypatch.setenv(handshake.SECRET, "pass \N{SNOWMAN} word")
    said = []
    monkeypatch.setattr(rendezvous.log, "warning", said.append)
    host, port = addresses[0].split(":")
    with waiting(addresses, 0) as first:
        time.sleep(rendezvous.POLL_SECS)
        with socket.create_connection((host, int(port))) as stranger:
            stranger.sendall(b"ada worker 1 " + b"0" * 32 + b"\n")
            answer = handshake.hear_line(stranger, lambda: None)
            proof = answer.split()[-1]
            stranger.sendall(b"ada here " + proof + b"\n")
            assert handshake.hear_line(stranger, lambda: None) == b""
        assert still_waits(first)
        with waiting(addresses, 1), waiting(addresses, 2):
            pass
    assert said == [f"127.0.0.1 {handshake.NO_SECRET}."]
    worker, other = socket.socketpair()
    with worker, other:
        other.sendall(answer)
        with pytest.raises(handshake.StrangerError, match=handshake.SECRET):
            handshake.introduce(worker, 1)


def test_a_first_process_that_drips_holds_nobody_longer(monkeypatch):
    monkeypatch.setattr(handshake, "MUTE_SECS", 0.3)
    worker, other = socket.socketpair()
    dripping = threading.Event()

    def drip():
        while not dripping.wait(0.05):
            other.send(b"a")

    with worker, other:
        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(handshake.StrangerError, match="says nothing"):
            handshake.introduce(worker, 1)
        dripping.set()
        thread.join()


@pytest.mark.parametrize(
    ("addresses", "secret", "warned"),
    [
        (["10.1.2.3:1", "10.1.2.4:1"], "", True),
        (["127.0.0.9:1", "node7:1"], "", True),
        (["node6:1", "node7:1"], "x", False),
        (["localhost:1", "[::1]:2", "127.0.0.9:1"], "", False),
    ],
)
def test_open_ports_without_a_secret_are_warned_of(addresses, secret, warned, monkeypatch):
    monkeypatch.setenv(handshake.SECRET, secret)
    assert handshake.is_open(addresses) == warned


def test_waiting_for_one_that_never_comes_ends(addresses, monkeypatch):
    monkeypatch.setattr(rendezvous, "LIMIT_SECS", 0.5)
    with pytest.raises(StoppedError, match=f"{addresses[1]}, {addresses[2]} did not come"):
        wait_for_all(addresses, 0)
