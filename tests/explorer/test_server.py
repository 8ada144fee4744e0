"""The loopback server answers its own page and nobody else."""

import http.client
import json
import socket
import threading

import numpy as np
import pytest

from gradflow.explorer.server import ADDRESS, MOST_BYTES, Server

QUESTION = json.dumps({"rate": 0.1}).encode()
JSON = {"Content-Type": "application/json"}


def echo(question):
    """Answer with the question itself; refuse one, and fail at another."""
    if question.get("bad"):
        raise ValueError("`bad` must be left out")
    if question.get("broken"):
        raise RuntimeError("of the user")
    return {"asked": question}


@pytest.fixture
def server():
    with Server("<p>the page</p>", echo) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(server, method="GET", path=None, body=None, headers=None, host=None):
    """Return status, headers and body of one request."""
    connection = http.client.HTTPConnection(ADDRESS, server.server_port, timeout=5)
    connection.putrequest(method, path or f"/{server.token}/", skip_host=True, skip_accept_encoding=True)
    given = {"Host": host or f"{ADDRESS}:{server.server_port}", **(headers or {})}
    if body is not None:
        given.setdefault("Content-Length", str(len(body)))
    for name, value in given.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    found = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return found


def post(server, body=QUESTION, headers=None, path="runs", **options):
    return ask(server, "POST", f"/{server.token}/{path}", body, {**JSON, **(headers or {})}, **options)


def test_it_listens_on_the_loopback_alone_at_a_port_and_under_a_token_of_its_own(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/{server.token}/"
    with Server("", None) as other:
        assert other.server_port != server.server_port
        assert other.token != server.token
        assert len(other.token) >= 32


def test_it_serves_the_page_and_answers_its_question(server):
    status, headers, body = ask(server)
    assert (status, body) == (200, b"<p>the page</p>")
    assert headers["Content-Type"].startswith("text/html")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers
    status, _, body = post(server, headers={"Origin": server.url.rsplit(f"/{server.token}", 1)[0]})
    assert (status, json.loads(body)) == (200, {"asked": {"rate": 0.1}})


def test_localhost_is_this_machine_too(server):
    name = f"localhost:{server.server_port}"
    assert post(server, headers={"Origin": f"http://{name}"}, host=name)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example", ""])
def test_another_host_is_refused(server, host):
    assert ask(server, headers={"Host": host})[0] == 403
    assert post(server, headers={"Host": host})[0] == 403


def test_two_hosts_or_none_are_refused(server):
    own = f"Host: {ADDRESS}:{server.server_port}\r\n"
    for hosts in ("", own + own, own + "Host: evil.example\r\n"):
        assert raw(server, f"GET /{server.token}/ HTTP/1.1\r\n{hosts}\r\n".encode()).split()[1] == b"403"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "file://", ""])
def test_another_origin_is_refused(server, origin):
    assert ask(server, headers={"Origin": origin})[0] == 403
    assert post(server, headers={"Origin": origin})[0] == 403


@pytest.mark.parametrize("token", ["", "x", "x" * 32, "../", "%C3%A9", "%00"])
def test_a_wrong_token_is_refused(server, token):
    assert ask(server, path=f"/{token}/")[0] == 403
    assert ask(server, "POST", f"/{token}/runs", QUESTION, JSON)[0] == 403


def test_a_token_that_is_nearly_right_is_refused(server):
    for near in (server.token[:-1], server.token + "A", server.token.swapcase()):
        assert ask(server, path=f"/{near}/")[0] == 403


@pytest.mark.parametrize(
    "rest", ["", "/page.html", "/../page.html", "/..%2f..%2fetc/passwd", "//", "/?x=1", "/runs", "/%2e%2e/"]
)
def test_nothing_else_is_served(server, rest):
    assert ask(server, path=f"/{server.token}{rest}")[0] == 404


def test_an_absolute_address_as_path_is_refused(server):
    assert ask(server, path=server.url)[0] == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "PATCH"])
def test_other_methods_are_refused(server, method):
    assert ask(server, method)[0] == 501


def test_a_body_that_is_too_long_is_refused_before_it_is_read(server):
    assert post(server, b" " * (MOST_BYTES - 2) + b"{}")[0] == 200
    assert post(server, b" " * (MOST_BYTES - 1) + b"{}")[0] == 413
    assert post(server, b"", headers={"Content-Length": "999999999"})[0] == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "", "99999999999999999999"])
def test_a_body_without_a_length_is_refused(server, length):
    value = length.encode().decode("latin-1")
    assert post(server, None, headers={"Content-Length": value})[0] == 411


def test_a_chunked_body_is_refused(server):
    assert post(server, b"2\r\n{}\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"})[0] == 411


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_of_another_page_is_refused(server, kind):
    """A browser sends these anywhere without asking first."""
    assert post(server, headers={"Content-Type": kind})[0] == 415


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"null", b"\xff\xfe", b"[" * 4000])
def test_what_is_no_json_object_is_refused(server, body):
    assert post(server, body)[0] == 400


def test_a_wrong_question_and_a_broken_problem_are_told_in_a_sentence(server):
    status, _, body = post(server, b'{"bad": 1}')
    assert (status, json.loads(body)) == (400, {"error": "`bad` must be left out"})
    status, _, body = post(server, b'{"broken": 1}')
    assert (status, json.loads(body)) == (500, {"error": "RuntimeError: of the user"})


def test_a_page_that_computes_by_itself_answers_no_question():
    with Server("<p></p>") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        assert post(server)[0] == 404
        server.shutdown()
        thread.join()


def raw(server, data):
    """Return all that comes back to these bytes."""
    with socket.create_connection((ADDRESS, server.server_port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def requests_of_all_kinds(server, count):
    """Yield requests, most of them wrong, and whether each is right."""
    rng = np.random.default_rng(15)

    def one(right, *wrong):
        return right if rng.random() < 0.8 else wrong[int(rng.integers(len(wrong)))]

    own = f"{ADDRESS}:{server.server_port}"
    for _ in range(count):
        asks = rng.random() < 0.5
        method = one("POST" if asks else "GET", "GET", "POST", "PUT", "\x00", "get")
        token = one(server.token, "x" * 32, server.token[1:], "")
        rest = one("runs" if asks else "", "", "runs", "..", "../../etc/passwd", "%2e%2e/", "\\", "é")
        host = one(own, "evil.example", f"{own}.", "localhost", "::1")
        origin = one(f"http://{own}" if asks else None, "http://evil.example", "null", own)
        kind = one("application/json", "text/plain", "", "a" * 3000)
        body = one(QUESTION, b"{}", b"[]", rng.bytes(40), b"x" * (MOST_BYTES + 1))
        length = one(len(body), -1, 0, "ten")
        lines = [f"{method} /{token}/{rest} HTTP/1.1", f"Host: {host}", f"Content-Type: {kind}"]
        lines += [f"Origin: {origin}"] if origin is not None else []
        lines += [f"Content-Length: {length}"] if method == "POST" else []
        head = "\r\n".join(lines).encode() + b"\r\nConnection: close\r\n\r\n"
        trusted = token == server.token and host == own and origin in (None, f"http://{own}")
        page = method == "GET" and rest == ""
        asked = method == "POST" and rest == "runs" and kind == "application/json"
        asked = asked and body in (QUESTION, b"{}") and length == len(body)
        yield head + (body if method == "POST" else b""), trusted and (page or asked)


def test_of_500_random_requests_only_the_right_ones_are_answered(server):
    answered = 0
    for data, right in requests_of_all_kinds(server, 500):
        found = raw(server, data)
        assert (b" 200 " in found.split(b"\r\n")[0]) == right, data[:200]
        assert right or (b"the page" not in found and b"asked" not in found)
        assert server.token.encode() not in found
        answered += right
    assert 50 < answered < 250
    assert ask(server)[0] == 200


def test_random_bytes_do_not_stop_it(server):
    rng = np.random.default_rng(3)
    for _ in range(50):
        found = raw(server, rng.bytes(int(rng.integers(1, 400))) + b"\r\n\r\n")
        assert b"the page" not in found
    assert ask(server)[0] == 200
