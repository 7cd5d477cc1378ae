"""Debian's Redmine for tests: its own code on a copy of the database its package made, on a loopback port."""

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.e2e.plant import eventually, fetch, free_port

HOME = Path("/usr/share/redmine")
MADE = Path("/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default")
"""The database of package redmine-sqlite, with Redmine's default data; only root and www-data may read it."""

KEY = "a" * 40

SERVE = """
require "webrick"
ENV["RAILS_ENV"] = "production"
Dir.chdir("/usr/share/redmine")
require "/usr/share/redmine/config/environment"
require "rack/handler/webrick"
Rack::Handler::WEBrick.run(Rails.application, Host: "127.0.0.1", Port: ARGV[0].to_i, AccessLog: [])
"""


def installed() -> bool:
    """Whether there is one this user can run."""
    return bool(shutil.which("ruby")) and HOME.is_dir() and os.access(MADE, os.R_OK)


class Redmine:
    """The server, started, with a project ``garden``; its account is the administrator's."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for part in ("config", "log", "tmp/cache", "files"):
            (folder / part).mkdir(parents=True)
        database = folder / "redmine.sqlite"
        shutil.copy(MADE, database)
        self._prepare(database)
        tree = {"production": {"adapter": "sqlite3", "database": str(database), "encoding": "utf8"}}
        (folder / "config/database.yml").write_text(json.dumps(tree))
        (folder / "config/secret_key.txt").write_text("0" * 64)
        (folder / "serve.rb").write_text(SERVE)
        # Debian keeps instances in one folder and takes their name for a path below it
        instance = "../" * len((HOME / "instances").resolve().parts) + str(folder).lstrip("/")
        self._log = (folder / "out.log").open("wb")
        self._process = subprocess.Popen(
            ["ruby", str(folder / "serve.rb"), str(self.port)],
            env=os.environ | {"REDMINE_INSTANCE": instance}, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        eventually("Redmine to answer", lambda: fetch(f"{self.url}/login"), 60)
        self.ask("projects.json", {"project": {"name": "Garden", "identifier": "garden"}})

    @staticmethod
    def _prepare(path: Path) -> None:
        database = sqlite3.connect(path)
        with database:
            now = "datetime('now')"
            database.execute(f"insert into settings(name, value, updated_on) values('rest_api_enabled', '1', {now})")
            database.execute("update users set must_change_passwd = 0 where id = 1")
            database.execute(
                f"insert into tokens(user_id, action, value, created_on, updated_on) values(1, 'api', ?, {now}, {now})",
                (KEY,),
            )
        database.close()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def ask(self, path: str, body: object = None, *, method: str = "") -> Any:
        """An answer of its REST API."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-Redmine-API-Key": KEY, "Content-Type": "application/json"}
        request = Request(f"{self.url}/{path}", data=data, headers=headers, method=method or None)
        with urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None

    def issues(self, subject: str) -> list[dict[str, Any]]:
        """Issues whose subject holds a text, whatever their status."""
        found = self.ask("issues.json?status_id=*&limit=100")["issues"]
        return [one for one in found if subject in one["subject"]]
