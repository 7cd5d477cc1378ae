"""The CLI as a client of the local API: where it is, with which token, and what a refusal looks like.

Owns: options every such command has, requests, the event stream, exit codes of refusals.
Must not know: what is asked.

Only the standard library, so that a command is quick. The token comes from a file or the environment, never from the command
line, where everybody on the machine could read it.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import click

URL = "http://127.0.0.1:9465"
TOKEN_VAR = "EDGEGW_TOKEN"  # noqa: S105 - a variable's name

TIMEOUT_S = 10.0
"""A command answers within 5 s."""

STREAM_TIMEOUT_S = 60.0
"""The gateway sends a comment every 15 s."""

ANSWER_BYTES = 16 * 1024 * 1024
"""Longest answer: some thousand devices."""

LINE_BYTES = 1024 * 1024
"""Longest line of the event stream."""

CORRECTABLE = frozenset(range(400, 500)) - {408, 429}
"""Statuses of what a person can correct: exit code 2. Others are the gateway's: exit code 1."""

P = ParamSpec("P")
R = TypeVar("R")


class Refused(click.ClickException):
    """The API said no, or nothing; the gateway's trouble. `body`: its answer, if it was one."""

    exit_code = 1

    def __init__(self, message: str, body: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.body = body


class BadRequest(Refused):
    """The API said no, and a person can correct that."""

    exit_code = 2


class NoToken(click.ClickException):
    """There is nothing to show to the API."""

    exit_code = 2


class Client:
    """One gateway's API.

    Args:
        url: ``http://host:port``, or https.
        token: to be sent with each request.
        ca: PEM file of the authorities to trust for https; the system's if None.
    """

    def __init__(self, url: str, token: str, ca: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise click.UsageError(f"--api: not a URL: {url}; write http://127.0.0.1:9465")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise click.UsageError(f"--api: the token would go to {parts.hostname} unencrypted; write https://…")
        self._url = url.rstrip("/")
        self._https = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._token = token
        self._ca = ca

    def get(self, *path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        """The JSON of a route under ``/api/v1``."""
        return self._ask("GET", _path(path, query), None)

    def post(self, *path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Send JSON, get JSON."""
        return self._ask("POST", _path(path, {}), body)

    def delete(self, *path: str) -> Any:  # noqa: ANN401 - JSON
        """Delete what the path names, get JSON."""
        return self._ask("DELETE", _path(path, {}), None)

    def events(self, after: str | None, **query: str) -> Iterator[tuple[str, str, str]]:
        """The event stream: (event, id, data) of each message, until it ends."""
        headers = {} if after is None else {"Last-Event-ID": after}
        with self._connection(STREAM_TIMEOUT_S) as connection:
            response = self._send(connection, "GET", _path(("events",), query), None, headers)
            try:
                yield from _messages(response)
            except (OSError, HTTPException):
                return  # it ended; whoever reads resumes

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:  # noqa: ANN401 - JSON
        with self._connection(TIMEOUT_S) as connection:
            return _json(self._read(self._send(connection, method, path, body, {})))

    def _connection(self, timeout: float) -> closing[HTTPConnection]:
        if self._https:
            from edgegw.tls import client_context

            return closing(HTTPSConnection(self._host, self._port, timeout=timeout, context=client_context(self._ca)))
        return closing(HTTPConnection(self._host, self._port, timeout=timeout))

    def _send(
        self, connection: HTTPConnection, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> HTTPResponse:
        headers = {"Authorization": f"Bearer {self._token}", **headers}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, ensure_ascii=False).encode()
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
        except (OSError, HTTPException) as error:
            raise Refused(
                f"{self._url}: {error}; is the gateway running, with api.enabled? Another address: --api"
            ) from error
        if response.status != 200:
            answer = _json(self._read(response))
            raise _refused(response.status, answer if isinstance(answer, dict) else {})
        return response

    def _read(self, response: HTTPResponse) -> bytes:
        try:
            return response.read(ANSWER_BYTES)
        except (OSError, HTTPException) as error:
            raise Refused(f"{self._url}: {error}") from error


def client_options(command: Callable[P, R]) -> Callable[P, R]:
    """Options of every command that asks the API: ``--api``, ``--token-file``, ``--ca``, ``--json``."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For scripts."),
        click.option("--ca", type=click.Path(dir_okay=False), help="PEM file of authorities to trust, for https."),
        click.option(
            "--token-file", type=click.Path(path_type=Path), help=f"File with the token; ${TOKEN_VAR} if not given."
        ),
        click.option("--api", "url", default=URL, show_default=True, help="Where the API is."),
    ):
        command = option(command)
    return command


def client(url: str, token_file: Path | None, ca: str | None) -> Client:
    """A client from these options."""
    if token_file is not None:
        try:
            token = token_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"--token-file: {error}") from error
    else:
        token = os.environ.get(TOKEN_VAR, "").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise NoToken(f"no token: give --token-file or ${TOKEN_VAR} (`edgegw token create` makes one)")
    return Client(url, token, ca)


def _refused(status: int, body: dict[str, Any]) -> Refused:
    reason, detail = body.get("reason", f"status {status}"), body.get("detail", "")
    kind = BadRequest if status in CORRECTABLE else Refused
    return kind(f"{reason}: {detail}" if detail else str(reason), body or None)


def _json(data: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(data)
    except ValueError as error:
        raise Refused("the answer is not JSON; is that address the gateway's API?") from error


def _path(parts: tuple[str, ...], query: dict[str, str]) -> str:
    path = "/".join(("/api/v1", *(quote(part, safe="") for part in parts)))
    return f"{path}?{urlencode(query)}" if query else path


def _messages(response: HTTPResponse) -> Iterator[tuple[str, str, str]]:
    fields = {"event": "message", "id": "", "data": ""}
    while line := response.readline(LINE_BYTES):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields["data"]:
            yield fields["event"], fields["id"], fields["data"]
            fields = {"event": "message", "id": fields["id"], "data": ""}


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
