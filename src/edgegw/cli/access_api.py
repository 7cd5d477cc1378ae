"""What `edgegw access` asks of a running gateway.

Owns: the two requests, and how a refusal becomes an error. Must not know: how either is shown.

urllib: two requests need no event loop. Redirects and proxies are not followed; they could carry the token elsewhere.
"""

import json
import os
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from edgegw.errors import CommandError

TIMEOUT_S = 90.0
"""An import of 250,000 credentials takes less on a slow box."""

ANSWER_BYTES = 1024 * 1024

UNAVAILABLE = frozenset({"unreachable", "no-answer", "store", "full", "busy", "stopping", "tokens", "rate", "fault"})
"""Reasons that are no fault of what was given."""


def import_list(
    api: str, token: str, stream: IO[bytes], content_type: str, *, full: bool, dry_run: bool
) -> dict[str, Any]:
    """POST a list; the gateway's answer. Raises CommandError with its reason, or ``unreachable``, ``no-answer``."""
    query = f"mode={'full' if full else 'delta'}&dry_run={'true' if dry_run else 'false'}"
    headers = {"Content-Type": content_type, "Content-Length": str(os.fstat(stream.fileno()).st_size)}
    url = _url(api, f"credentials/import?{query}")
    return _ask(Request(url, data=stream, method="POST", headers=headers), token)  # noqa: S310 - `_url` looked at the scheme


def revoke_one(api: str, token: str, kind: str, number: str) -> bool:
    """DELETE one; whether it was there. Raises as `import_list`."""
    body = json.dumps({"kind": kind, "number": number}).encode()
    try:
        headers = {"Content-Type": "application/json"}
        _ask(Request(_url(api, "credentials"), data=body, method="DELETE", headers=headers), token)  # noqa: S310 - as above
    except CommandError as error:
        if error.reason != "unknown-credential":
            raise
        return False
    return True


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - urllib's signature
        return None


def _url(api: str, path: str) -> str:
    parts = urlsplit(api)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise CommandError("api", "--api is not an HTTP URL; write such as http://127.0.0.1:8080")
    return f"{parts.scheme}://{parts.netloc}/api/v1/{path}"


def _ask(request: Request, token: str) -> dict[str, Any]:
    request.add_header("Authorization", f"Bearer {token}")
    opener = build_opener(_NoRedirect(), ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            told = json.loads(answer.read(ANSWER_BYTES))
    except HTTPError as error:
        raise _refusal(error) from None
    except URLError as error:
        if isinstance(error.reason, BrokenPipeError | ConnectionResetError):  # it refused before it had read everything
            detail = f"{request.host} closed the connection meanwhile; is the token right (edgegw token list)?"
            raise CommandError("no-answer", detail) from error
        raise CommandError("unreachable", f"{request.host}: {error.reason}; does the gateway run?") from error
    except (OSError, HTTPException, ValueError) as error:
        raise CommandError("no-answer", f"{request.host}: no usable answer: {error}") from error
    if not isinstance(told, dict):
        raise CommandError("no-answer", f"{request.host}: no usable answer")
    return told


def _refusal(error: HTTPError) -> CommandError:
    try:
        problem = json.loads(error.read(ANSWER_BYTES))
        reason, detail = str(problem["reason"]), str(problem["detail"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        reason, detail = "no-answer", ""
    return CommandError(reason, detail or f"HTTP status {error.code}: {reason}")
