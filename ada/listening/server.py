"""The web application of the listening test, and the server that runs it.

GET /              the page; what it consists of is under /static/
GET /session       the rater's clips in order, by opaque keys, with what was rated
POST /raters       {}, or {"invitation": key}: begins, and sets the rater's cookie
POST /ratings      {"clip": key, "fidelity": 1..5, "musicality": 1..5}: answers once it is stored
GET /clips/<key>   one of the rater's clips as WAV, at the loudness of all

Nothing of it names a system or a file. Errors are plain text.
"""

import contextlib
import functools
import io
from collections.abc import Mapping

# Flask routes and checks, and its Werkzeug is what TensorBoard brings anyway.
import flask
from werkzeug.datastructures import ContentRange

from ada.audio import wav_bytes
from ada.audio.loudness import amplify
from ada.listening.beginners import Beginners
from ada.listening.clips import Clip, digest
from ada.listening.store import Store, is_key
from ada.utils import log
from ada.utils.errors import UserError
from ada.web.protection import protect, refuse_other_sites

_MOST_BYTES = 512  # of a request's body: a rating has about 70
_COOKIE_SECS = 180 * 24 * 3600
_KEPT_CLIPS = 64  # as they are sent; browsers ask for parts of them


def make_app(
    store: Store, files: Mapping[str, Clip], rounds: int, max_raters: int, https: bool = False
) -> flask.Flask:
    """Makes the application.

    Args:
      store: of the ratings.
      files: where the clips are, by the keys that the store gave them.
      rounds: how many clips of each system a rater is given.
      max_raters: how many are wanted.
      https: whether a proxy in front speaks TLS.
    """
    app = flask.Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _MOST_BYTES
    app.url_map.merge_slashes = False
    protect(app)
    stored = store.clips()
    # Browsers send cookies to all ports of a machine: each test has its own.
    cookie = f"listen_{store.study[0]}"

    beginners = Beginners()

    def token() -> str | None:
        given = flask.request.cookies.get(cookie, "")
        return given if is_key(given) else None

    @functools.lru_cache(_KEPT_CLIPS)
    def content_of(key: str) -> bytes:
        audio, rate = files[key].read()
        if digest(audio, rate) != stored[key].digest:
            raise UserError(f"{files[key].path} has changed since the test began: put it back.")
        return wav_bytes(amplify(audio, stored[key].gain_db), rate)

    @app.before_request
    def refuse_others() -> None:
        if flask.request.method == "POST" and not https:
            refuse_other_sites(" (behind a proxy: --https)")

    @app.get("/")
    def page() -> flask.Response:
        return app.send_static_file("index.html")

    @app.get("/session")
    def session() -> dict:
        known = token()
        heard = store.session(known) if known else []
        total = rounds * len({clip.system for clip in stored.values()})
        return {"total": len(heard) or total, "clips": [clip._asdict() for clip in heard]}

    @app.post("/raters")
    def begin() -> flask.Response:
        response = flask.Response(status=204)
        # Pages of other sites cannot send JSON here: nobody begins without wanting to.
        given = flask.request.get_json()
        invitation = given.pop("invitation", None) if isinstance(given, dict) else None
        if given != {} or not (invitation is None or isinstance(invitation, str)):
            flask.abort(400, "Beginning takes an empty object, or an invitation.")
        known = token()
        if known and store.session(known):
            return response
        if not store.invites(invitation):
            flask.abort(403, "This listening test is by invitation: open the link that you got.")
        if not beginners.may(flask.request.remote_addr or ""):
            flask.abort(429, "Many have begun from where you are: try again in a minute.")
        new = store.add_rater(rounds, max_raters, invitation)
        if new is None:
            flask.abort(403, "This listening test has as many raters as it wants. Thank you!")
        response.set_cookie(
            cookie,
            new,
            max_age=_COOKIE_SECS,
            secure=https,
            httponly=True,
            samesite="Strict",
        )
        return response

    @app.post("/ratings")
    def rate() -> flask.Response:
        clip, fidelity, musicality = _rating()
        known = token()
        if known is None or not store.rate(known, clip, fidelity, musicality):
            flask.abort(403, "This clip is not among yours. Reload the page.")
        return flask.Response(status=204)

    @app.get("/clips/<key>")
    def clip(key: str) -> flask.Response:
        known = token()
        if known is None or key not in {heard.clip for heard in store.session(known)}:
            flask.abort(404)
        response = _sound(content_of(key))
        response.cache_control.max_age = 3600
        response.cache_control.private = True
        return response

    @app.errorhandler(UserError)
    def fail(error: UserError) -> flask.Response:
        # Raters learn nothing of files; the log of the server names them.
        with contextlib.suppress(OSError):  # what it writes to may be on the same full disk
            log.warning(str(error))
        return flask.Response("The server cannot do this now.\n", 503, mimetype="text/plain")

    return app


def _sound(content: bytes) -> flask.Response:
    """A WAV file, or the part of it that is asked for.

    It goes to waitress as a file: what waits for a slow client is no copy.
    """
    start, stop, status = 0, len(content), 200
    asked = flask.request.range
    if asked is not None and asked.units == "bytes" and len(asked.ranges) == 1:
        found = asked.range_for_length(len(content))
        if found is None:
            flask.abort(416)
        (start, stop), status = found, 206
    file = io.BytesIO(content)
    file.seek(start)
    wrap = flask.request.environ.get("wsgi.file_wrapper")
    body = wrap(file) if wrap else content[start:stop]
    response = flask.Response(body, status, mimetype="audio/wav", direct_passthrough=bool(wrap))
    response.content_length = stop - start
    response.accept_ranges = "bytes"
    if status == 206:
        response.content_range = ContentRange("bytes", start, stop, len(content))
    return response


def _rating() -> tuple[str, int, int]:
    """The rating that a request holds; aborts with 400 and says what is wrong."""
    given = flask.request.get_json()
    names = ("clip", "fidelity", "musicality")
    if not isinstance(given, dict) or given.keys() != set(names):
        flask.abort(400, f"A rating has {', '.join(names)}, and nothing else.")
    if not isinstance(given["clip"], str) or not is_key(given["clip"]):
        flask.abort(400, "clip must be a key of /session.")
    for name in names[1:]:
        # True is an int as well.
        if type(given[name]) is not int or not 1 <= given[name] <= 5:
            flask.abort(400, f"{name} must be a whole number from 1 to 5.")
    return given["clip"], given["fidelity"], given["musicality"]
