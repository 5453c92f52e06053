"""What the server answers to raters, to nonsense, and to those who look for names."""

import json
import re
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listening_support import SYSTEMS, Rater

from ada.listening import Store
from ada.listening.server import make_app
from ada.listening.store import StoredClip

JSON = {"Content-Type": "application/json"}
SECRETS = [*SYSTEMS, "sample_", "sample.json", "codes.npz", "Traceback", "waitress", "Werkzeug"]


@pytest.fixture
def rater(shared_server):
    return Rater(shared_server).begin()


def post(rater, body, headers=JSON):
    return rater.server.ask("POST", "/ratings", body, {"Cookie": rater.cookie, **headers})


def is_refused(answer, *codes):
    status, headers, content = answer
    assert status in codes, (status, content)
    assert headers["Content-Type"].startswith("text/plain")
    assert not any(secret in content.decode() for secret in SECRETS)


def test_a_session_and_what_it_is_sent_with(rater):
    heard = rater.session()
    assert len(heard) == 6 and all(set(h) == {"clip", "fidelity", "musicality"} for h in heard)
    assert rater.rate(heard[1]["clip"], 2, 5) == 204
    assert rater.rate(heard[1]["clip"], 3, 4) == 204
    assert rater.session()[1] == {"clip": heard[1]["clip"], "fidelity": 3, "musicality": 4}
    # Who begins again is the same.
    assert rater.insist("POST", "/raters", {})[1]["Set-Cookie"] is None
    _, headers, _ = rater.server.ask("POST", "/raters", "{}", JSON)
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert "Domain" not in cookie and "Secure" not in cookie
    status, headers, _ = rater.server.ask("GET", "/session")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_behind_tls_the_cookie_is_for_https_alone(tmp_path):
    store = Store(tmp_path / "r.sqlite", create=True)
    store.create([StoredClip("a", "b.wav", "c", 0.0)], -20.0)
    app = make_app(store, {}, rounds=1, max_raters=5, https=True)
    # The proxy has another name.
    elsewhere = {"Host": "10.0.0.7:8000", "Origin": "https://test.example"}
    answer = app.test_client().post("/raters", json={}, headers=elsewhere)
    assert (answer.status_code, "Secure" in answer.headers["Set-Cookie"]) == (204, True)
    store.close()


def test_nothing_names_a_system(rater):
    keys = [heard["clip"] for heard in rater.session()]
    paths = ["/", "/session", "/static/listening.js", "/static/style.css", "/nothing"]
    for path in [*paths, *(f"/clips/{key}" for key in keys)]:
        _, headers, content = rater.server.ask("GET", path, headers={"Cookie": rater.cookie})
        for secret in SECRETS:
            assert secret not in f"{path} {headers}" and secret.encode() not in content


def test_parts_of_a_clip_can_be_had(rater):
    key = rater.session()[0]["clip"]
    _, headers, whole = rater.clip(key)
    assert headers["Cache-Control"] == "max-age=3600, private"
    status, headers, part = rater.clip(key, Range="bytes=100-199")
    assert status == 206 and part == whole[100:200]
    assert headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
    assert rater.clip(key, Range="bytes=9999999-")[0] == 416
    # Nobody else hears it.
    is_refused(rater.server.ask("GET", f"/clips/{key}"), 404)


def test_pages_of_other_sites_begin_nothing(shared_server):
    """A browser asks before it sends JSON elsewhere; what it sends without asking is refused."""
    before = json.loads(shared_server.ask("GET", "/session")[2])
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}):
        is_refused(shared_server.ask("POST", "/raters", "{}", headers), 415)
    for body in ("", "{", "[]", '{"a": 1}'):
        is_refused(shared_server.ask("POST", "/raters", body, JSON), 400)
    status, headers, _ = shared_server.ask("OPTIONS", "/raters", None, {"Origin": "https://a.org"})
    assert not any(name.startswith("Access-Control") for name in headers)
    assert json.loads(shared_server.ask("GET", "/session")[2]) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "127.0.0.1.rebound.example"},
        {"Host": "rebound.example:8000", "Origin": "http://rebound.example:8000"},
        {"Host": "10.0.0.7"},
        {"Host": "[fe80::1]:80"},
    ],
)
def test_requests_of_other_sites_and_host_names_are_refused(shared_server, headers):
    for path in ("/raters", "/ratings"):
        is_refused(shared_server.ask("POST", path, "{}", JSON | headers), 403)


def test_its_own_page_may_begin_whatever_it_calls_this_machine(shared_server):
    for host in (f"localhost:{shared_server.port}", "[::1]", f"127.0.0.9:{shared_server.port}"):
        own = JSON | {"Host": host, "Origin": f"http://{host}"}
        assert shared_server.ask("POST", "/raters", "{}", own)[0] == 204


@pytest.mark.parametrize(
    "path",
    [
        "/clips/",
        "/clips/..",
        "/clips/../sample.json",
        "/clips/%2e%2e/%2e%2e/setup.py",
        "/clips/..%2fcodes.npz",
        f"/clips/{SYSTEMS[0]}/codes.npz",
        f"/clips/{SYSTEMS[0]}%2fsample_000.wav",
        "/clips/%00",
        "/clips/%ff%fe",
        "/clips/" + "A" * 22,
        "/clips/" + "A" * 9000,
        "/clips/{key}/",
        "/clips/{key}.wav",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%5cserver.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/",
        "//etc/passwd",
        "/../../../../etc/passwd",
        "/ratings.sqlite",
        f"/{SYSTEMS[0]}/sample.json",
    ],
)
def test_there_is_nothing_else_to_be_had(rater, path):
    path = path.replace("{key}", rater.session()[0]["clip"])
    is_refused(rater.server.ask("GET", path), 404)


GOOD = {"clip": "A" * 22, "fidelity": 3, "musicality": 3}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"3",
        b'"text"',
        b"\xff\xfe",
        b"[" * 500,
        b'{"a":' * 100,
        *(
            json.dumps(GOOD | change).encode()
            for change in (
                {"clip": None},
                {"clip": 3},
                {"clip": ["A" * 22]},
                {"clip": "../" + "A" * 19},
                {"clip": "A" * 21 + "\ud800"},
                {"clip": "A" * 22 + "\n"},
                {"clip": "'; DROP TABLE ratings; --"},
                {"fidelity": 0},
                {"fidelity": 6},
                {"fidelity": -1},
                {"fidelity": 3.0},
                {"fidelity": "3"},
                {"fidelity": True},
                {"fidelity": None},
                {"fidelity": 10**60},
                {"musicality": float("nan")},
                {"musicality": float("inf")},
                {"musicality": []},
                {"rater": 1},
            )
        ),
        b'{"clip": "AAAAAAAAAAAAAAAAAAAAAA", "fidelity": 3}',
    ],
)
def test_malformed_ratings_are_refused(rater, body):
    is_refused(post(rater, body), 400)


def test_other_wrong_requests_are_refused(rater):
    good = json.dumps(GOOD).encode()
    is_refused(post(rater, good), 403)  # no clip of theirs
    clip = json.dumps(GOOD | {"clip": rater.session()[0]["clip"]}).encode()
    is_refused(post(rater, clip, {"Content-Type": "text/plain"}), 415)
    is_refused(post(rater, clip, {"Content-Type": "application/x-www-form-urlencoded"}), 415)
    is_refused(post(rater, b" " * 513), 413)
    is_refused(post(rater, b" " * 70_000), 413)
    for cookie in ("", "listen_x=y", "=", "\xe9", "a=" + "b" * 5000):
        cookie = {"Cookie": cookie.encode("latin-1")}
        is_refused(rater.server.ask("POST", "/ratings", clip, JSON | cookie), 403)
        assert json.loads(rater.server.ask("GET", "/session", None, cookie)[2])["clips"] == []
    is_refused(rater.server.ask("GET", "/ratings"), 405)
    is_refused(rater.server.ask("PUT", "/raters"), 405)
    is_refused(rater.server.ask("DELETE", "/session"), 405)
    assert all(heard["fidelity"] is None for heard in rater.session())


def test_bytes_that_are_no_http(shared_server):
    for sent in (
        b"\x00\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", shared_server.port), timeout=30) as connection:
            connection.sendall(sent)
            assert not re.match(rb"HTTP/1.\d [25]", connection.recv(1000))
    assert shared_server.ask("GET", "/session")[0] == 200


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
ratings = st.fixed_dictionaries({"clip": values, "fidelity": values, "musicality": values})


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=300) | (values | ratings).map(lambda v: json.dumps(v).encode()))
def test_nothing_that_is_sent_is_stored_or_breaks_the_server(rater, body):
    is_refused(post(rater, body), 400, 403, 413)
