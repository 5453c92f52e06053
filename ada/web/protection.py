"""Sockets, headers and plain errors of web applications."""

import os
import re
import socket
import urllib.parse

import flask
from werkzeug.exceptions import HTTPException

from ada.utils.errors import UsageError, UserError, first_line
from ada.utils.hosts import is_loopback
from ada.web.style import PATH

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def protect(app: flask.Flask) -> None:
    """Adds security headers to all responses, and makes errors plain text.

    An answer that sets a header itself keeps it. The style sheet of all pages is at
    `/static/style.css`.
    """

    @app.get("/static/style.css")
    def style() -> flask.Response:
        return flask.send_file(PATH, conditional=True)

    @app.after_request
    def finish(response: flask.Response) -> flask.Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> flask.Response:
        response = error.get_response()
        response.data = f"{error.description}\n"
        response.content_type = "text/plain; charset=utf-8"
        return response


def refuse_other_sites(hint: str = "") -> None:
    """Aborts a request that a page of another site sends, also under a name that leads to here.

    A name of somebody else's may lead to this machine (DNS rebinding): a server that only this
    machine reaches is asked for as localhost or 127.0.0.1. Behind a proxy, which may give other
    names, do not call it.

    Args:
      hint: appended to the message.
    """
    host, origin = flask.request.host, flask.request.headers.get("Origin")
    if origin is not None and urllib.parse.urlsplit(origin).netloc != host:
        flask.abort(403, f"This comes from a page of another site{hint}.")
    is_local = is_loopback(flask.request.environ.get("SERVER_NAME", ""))
    if is_local and not is_loopback(re.sub(r":\d+$", "", host)):
        flask.abort(403, f"This server has another name{hint}.")


def listen_on(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
      UsageError: there is no such host.
      UserError: the port is not to be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family, backlog=1024)
    except socket.gaierror as error:
        raise UsageError(f"--host={host}: {error.strerror}") from error
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else first_line(error)
        raise UserError(f"{host}:{port}: {why}: name another --port.") from error
