"""What a refused request is answered with: a bounded reason, and the HTTP status that goes with it.

Owns: the table of reasons and statuses. Must not know: HTTP libraries, who refuses.
"""

from msgspec import Struct

from edgegw.errors import EdgegwError

STATUSES: dict[str, int] = {
    "malformed": 400,
    "no-token": 401,
    "bad-token": 401,
    "token-expired": 401,
    "clock-untrusted": 503,
    "forbidden": 403,
    "not-found": 404,
    "unknown-target": 404,
    "unknown-credential": 404,
    "unknown-ticket": 404,
    "unknown-window": 404,
    "unknown-category": 404,
    "unknown-request": 404,
    "unknown-plan": 404,
    "unknown-point": 404,
    "no-service": 404,
    "method": 405,
    "slow": 408,
    "used-id": 409,
    "too-large": 413,
    "content-type": 415,
    "invalid": 422,
    "bad-id": 422,
    "unknown-command": 422,
    "unknown-argument": 422,
    "missing-argument": 422,
    "bad-argument": 422,
    "bad-deadline": 422,
    "expired": 422,
    "lifetime": 422,
    "bad-credential": 422,
    "bad-credentials": 422,
    "too-many-credentials": 422,
    "rate": 429,
    "busy": 503,
    "too-many": 503,
    "ledger-full": 503,
    "store": 503,
    "stopping": 503,
    "tokens": 503,
    "no-access-key": 503,
}
"""By reason; a rejected command's reasons are admission's. What is not here: `OTHERWISE`."""

OTHERWISE = 422
"""A request that is understood and not taken."""


def status_of(reason: str) -> int:
    """The HTTP status of a refusal."""
    return STATUSES.get(reason, OTHERWISE)


class ApiError(EdgegwError):
    """A request that is refused.

    Args:
        retry_s: when it may be tried again (``Retry-After``), if that is known.
        id: the command's id, if the request had one.
    """

    def __init__(self, reason: str, detail: str = "", *, retry_s: float | None = None, id: str = "") -> None:  # noqa: A002 - the wire's word
        super().__init__(reason, detail)
        self.retry_s = retry_s
        self.id = id

    @property
    def status(self) -> int:
        """The HTTP status."""
        return status_of(self.reason)


class Problem(Struct, frozen=True):
    """A refused request. The members are those of a command's outcome, so that a client reads both the same way."""

    id: str
    status: str
    reason: str
    detail: str


def problem(error: ApiError) -> Problem:
    """As it is answered."""
    return Problem(error.id, "rejected", error.reason, error.detail)
