"""The loopback server behind the page: one page, one question, everything else refused.

It listens on 127.0.0.1 at a port that the system chooses. Whoever asks must know the token in the address; a
`Host` or an `Origin` of anywhere else is refused, so that no other page in the same browser gets an answer.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ADDRESS = "127.0.0.1"
MOST_BYTES = 4096
SECONDS = 10.0
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Refused(Exception):
    """A request that is not answered: a status and a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Server(ThreadingHTTPServer):
    """Serves `html` under a secret address, and answers questions where `answer` is given.

    Parameters
    ----------
    html : str
        The page.
    answer : callable, optional
        From a question to an answer, both dicts of JSON values; its ValueError is told to the page.
    """

    daemon_threads = True

    def __init__(self, html: str, answer: Answer | None = None) -> None:
        super().__init__((ADDRESS, 0), _Handler)
        self.token = secrets.token_urlsafe(24)
        self.page = html.encode()
        self.answer = answer

    @property
    def url(self) -> str:
        """The address of the page, with the token in it."""
        return f"http://{ADDRESS}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that hangs up is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "gradflow"
    sys_version = ""
    timeout = SECONDS

    def do_GET(self) -> None:
        self._answered(self._page)

    def do_POST(self) -> None:
        self._answered(self._computed)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: an address in a log would give the token away."""

    def _answered(self, make: Callable[[], tuple[bytes, str]]) -> None:
        try:
            self._check_sender()
            body, kind = make()
            self._send(HTTPStatus.OK, body, kind)
        except Refused as error:
            self.close_connection = True
            self._send(error.status, json.dumps({"error": str(error)}).encode(), "application/json")

    def _page(self) -> tuple[bytes, str]:
        self._check_path("")
        return self.server.page, "text/html; charset=utf-8"

    def _computed(self) -> tuple[bytes, str]:
        self._check_path("runs")
        if self.server.answer is None:
            raise Refused(HTTPStatus.NOT_FOUND, "this page computes by itself")
        question = self._question()
        try:
            answer = self.server.answer(question)
            return json.dumps(answer, allow_nan=False).encode(), "application/json"
        except ValueError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
        except Exception as error:  # the user's own problem may raise anything
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}") from None

    def _check_sender(self) -> None:
        """Raise unless the request is meant for this server and comes from its own page."""
        own = {f"{name}:{self.server.server_port}" for name in (ADDRESS, "localhost")}
        if self.headers.get_all("Host", []) not in [[name] for name in own]:
            raise Refused(HTTPStatus.FORBIDDEN, "`Host` must be this server")
        origins = self.headers.get_all("Origin", [])
        if origins and origins not in [[f"http://{name}"] for name in own]:
            raise Refused(HTTPStatus.FORBIDDEN, "`Origin` must be this server")

    def _check_path(self, name: str) -> None:
        """Raise unless the path is the token and then `name`, to the letter."""
        token, slash, rest = self.path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "the address must have the token that was printed")
        if not self.path.startswith("/") or not slash or rest != name:
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing else here")

    def _question(self) -> dict[str, Any]:
        """Return the body, a JSON object of at most `MOST_BYTES`."""
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or len(lengths) != 1 or not _is_count(lengths[0]):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "the body must have one length")
        if int(lengths[0]) > MOST_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body must have at most {MOST_BYTES} bytes"
            )
        try:
            question = json.loads(self.rfile.read(int(lengths[0])))
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "the body must be JSON") from None
        if not isinstance(question, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
        return question

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
