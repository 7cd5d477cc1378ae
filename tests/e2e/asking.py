"""Asking the gateway's API as an operator does: a token by the command line, requests with it."""

import json
import subprocess
import sys
from http.client import HTTPConnection
from typing import Any

from tests.e2e.plant import ROOT, Plant, free_port


class Asking:
    """The API of a plant's gateway."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.api_port = free_port()
        self.token = ""

    def serve(self) -> None:
        """The site serves the API, with limits no test meets."""
        self.plant.tree["api"] = {"enabled": True, "port": self.api_port, "rate": 100, "burst": 100}

    def make_token(self, *scopes: str) -> str:
        """A token of the site (which must have been written), by the command line as an operator would."""
        flags = [part for scope in scopes for part in ("--scope", scope)]
        made = subprocess.run(
            [sys.executable, "-m", "edgegw", "token", "create", str(self.plant.site), "--name", "test", *flags, "--json"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.token = json.loads(made.stdout)["token"]
        return self.token

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request with the token; status and JSON."""
        connection = HTTPConnection("127.0.0.1", self.api_port, timeout=10)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request(method, f"/api/v1/{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()
