"""A real Roundup tracker for tests: the classic template, served by Roundup's own WSGI handler in a process of its own.

As a program (``python -m tests.e2e.roundup_server HOME PORT``) it makes the tracker if there is none, and serves it.
"""

import base64
import json
import subprocess
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from tests.e2e.plant import ROOT, eventually, free_port, listening

USER, PASSWORD = "admin", "correct horse"


class Roundup:
    """The server, started; `url` is the tracker's."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/t"
        self._log = (home.parent / "roundup.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.roundup_server", str(home), str(self.port)],
            cwd=ROOT, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        eventually("Roundup to listen", self._up)

    def _up(self) -> bool:
        assert self._process.poll() is None, "Roundup ended; see roundup.log"
        return listening(self.port)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def ask(self, path: str, body: object = None, *, method: str = "", etag: str = "") -> Any:
        """The `data` of an answer of its REST API, as the administrator."""
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "X-Requested-With": "rest",
                   "Origin": f"http://127.0.0.1:{self.port}", "Referer": self.url + "/"}  # fmt: skip
        if body is not None:
            headers["Content-Type"] = "application/json"
        if etag:
            headers["If-Match"] = etag
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/rest/data/{path}", data=data, headers=headers, method=method or None)
        try:
            with urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())["data"]
        except HTTPError as error:
            raise AssertionError(error.read().decode()) from None

    def issues(self, title: str) -> list[str]:
        """Numbers of the issues whose title holds a text."""
        return [one["id"] for one in self.ask(f"issue?title={quote(title)}")["collection"]]

    def issue(self, number: str) -> dict[str, Any]:
        """An issue's attributes, with names for links; ``etag`` besides."""
        found = self.ask(f"issue/{number}?@verbose=2")
        return found["attributes"] | {"etag": found["@etag"]}

    def messages(self, number: str) -> list[str]:
        """What was said on an issue, in order."""
        found = [m["id"] for m in self.issue(number)["messages"]]
        return [self.ask(f"msg/{m}/content")["data"] for m in sorted(found, key=int)]

    def set(self, number: str, **values: Any) -> None:
        """What a person does by the web interface."""
        self.ask(f"issue/{number}", values, method="PUT", etag=self.issue(number)["etag"])


def _make(home: Path, port: int) -> None:
    from roundup import configuration, init, instance, password

    init.install(str(home), str(Path(sys.prefix) / "share/roundup/templates/classic"))
    config = configuration.CoreConfig()
    for name, value in {
        "MAIL_DOMAIN": "example.org",
        "MAILHOST": "127.0.0.1",
        "MAIL_DEBUG": str(home / "mail.txt"),  # what would be mailed goes there
        "TRACKER_WEB": f"http://127.0.0.1:{port}/t/",
        "ADMIN_EMAIL": "admin@example.org",
        "WEB_SECRET_KEY": "0" * 32,
        "RDBMS_BACKEND": "sqlite",
        "PASSWORD_PBKDF2_DEFAULT_ROUNDS": "1000",  # every request logs in; the default is made to be slow
    }.items():
        config[name] = value
    config.save(str(home / "config.ini"))
    tracker = instance.open(str(home))
    tracker.init(password.Password(PASSWORD, config=tracker.config))


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Nothing."""


def main() -> None:
    """See the module."""
    from roundup.cgi.wsgi_handler import RequestDispatcher

    home, port = Path(sys.argv[1]), int(sys.argv[2])
    if not home.exists():
        _make(home, port)
    tracker = RequestDispatcher(str(home), feature_flags={"cache_tracker": ""})

    def mounted(environ: dict[str, Any], start: Any) -> Any:
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/t", environ["PATH_INFO"].removeprefix("/t")
        return tracker(environ, start)

    with make_server("127.0.0.1", port, mounted, _Server, _Quiet) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
