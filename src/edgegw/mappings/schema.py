"""What a mapping file may hold.

Owns: the models; what goes together. Must not know: templates' meaning (compiled), files (loader).

Every string below `path`, `query`, `headers`, `json`, `form` and `text` is a template. `when`, `where`, `check`, `hold` and
the `when` of `retry` are expressions (no braces). `items` and the values of `save` are paths into an answer:
``data.collection.0.id``, with ``?`` at the end where it may be missing, ``[]`` where it is a list; ``@name`` is a header.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from edgegw.mappings.limits import MAX_STEPS
from edgegw.profiles.fields import Duration, Strict, Text

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
RateText = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}/(s|min|h)$")]
"""Most requests in any stretch of that length: ``20/min``."""
Status = Annotated[int, Field(ge=100, le=599)]
TicketWord = Literal["opened", "acknowledged", "assigned", "resolved", "closed", "rejected"]
Acting = Literal["open", "update", "escalate", "reopen", "resolve", "merge"]
Words = Annotated[tuple[Acting, ...], Field(strict=False)]

ACTIONS: tuple[Acting, ...] = ("open", "update", "escalate", "reopen", "resolve", "merge")


class RetryRule(Strict):
    """An answer after which the same is tried again.

    Attributes:
        when: expression on `status`, `answer`, `headers`.
        after: how long to wait; backs off if not given.
    """

    when: str
    after: Duration | None = None


class Fit(Strict):
    """A text in the JSON body that has a limit of its own. Where several tickets are in one message, only as many as fit
    are; `tickets` holds these, `more` the number of those that follow in the next message. One that does not fit is cut.

    Attributes:
        path: where the text stands in the body: ``markdown.content``.
        bytes: its limit in UTF-8.
    """

    path: str
    bytes: Annotated[int, Field(ge=256, le=1_000_000)]


class Step(Strict):
    """One request and what its answer means.

    Attributes:
        method, path, query, headers: path and query are encoded; a key whose value is ``{{ … or omit }}`` may be left out.
        json: the body as a structure, encoded after its leaves were filled in; form, text: other bodies.
        when: the step is left out unless this holds.
        expect: statuses that are right; any other is judged by its kind (429 and 5xx again, 401 and 403 hold, the rest refused).
        gone, gone_when: statuses, or an expression, that say that the issue is not there (any more).
        check: must hold on the answer.
        hold: where it holds a person has to act (a wrong key): records stay.
        retry: where one holds, the same is tried again.
        items, where: the list in the answer, and which of its items count (`item`); `save` is then of an item.
        save: name → path. `number`, `url`, `state`, `assignee`, `by` have a meaning; all are in `saved` of the next steps.
        fit: see Fit.
    """

    model_config = ConfigDict(protected_namespaces=())

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: dict[str, Any] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = Field(default=None, alias="json")
    form: dict[str, str] | None = None
    text: str | None = None
    when: str | None = None
    expect: Annotated[tuple[Status, ...], Field(strict=False)] = (200, 201, 202, 204)
    gone: Annotated[tuple[Status, ...], Field(strict=False)] = ()
    gone_when: str | None = None
    check: str | None = None
    hold: str | None = None
    retry: Annotated[tuple[RetryRule, ...], Field(strict=False)] = ()
    items: str | None = None
    where: str | None = None
    save: dict[Name, str] = Field(default_factory=dict)
    fit: Fit | None = None

    @model_validator(mode="after")
    def _together(self) -> "Step":
        if sum(x is not None for x in (self.body, self.form, self.text)) > 1:
            raise ValueError("a request has one body: json, form or text")
        if self.where is not None and self.items is None:
            raise ValueError("where chooses among items: add items")
        if self.fit is not None and self.body is None:
            raise ValueError("fit is about a text in json")
        if not self.expect:
            raise ValueError("expect names at least one status")
        if not self.path.startswith("/"):
            raise ValueError("path begins with /; what comes before it is the upstream's url")
        return self


Steps = Annotated[tuple[Step, ...], Field(strict=False, max_length=MAX_STEPS)]


class Operations(Strict):
    """What to do when; what is not there is nothing to do.

    Attributes:
        find: looks for the ticket's issue by `ticket.ref`; its last step saves `number` of an item if there is one. Runs
            before every `create`: that is why no ticket has two issues.
        create: opens the issue and saves its `number`.
        update, escalate, reopen, resolve, merge: for the action of that name; `number` is the issue's.
        poll: asks for the states of `numbers`; its last step has `items` and saves `number` and `state`.
        message: instead of all others, for systems that only take messages: one for `tickets`.
    """

    find: Steps = ()
    create: Steps = ()
    update: Steps = ()
    escalate: Steps = ()
    reopen: Steps = ()
    resolve: Steps = ()
    merge: Steps = ()
    poll: Steps = ()
    message: Steps = ()

    @model_validator(mode="after")
    def _useful(self) -> "Operations":
        if not self.create and not self.message:
            raise ValueError("a mapping has create, or message")
        if self.message and self.model_fields_set != {"message"}:
            raise ValueError("message stands alone: a system that takes messages has no issues to work on")
        if self.find and "number" not in self.find[-1].save:
            raise ValueError("the last step of find saves number")
        if self.poll and not (self.poll[-1].items and {"number", "state"} <= self.poll[-1].save.keys()):
            raise ValueError("the last step of poll has items and saves number and state")
        if self.poll and not any("number" in step.save for step in self.create):
            raise ValueError("poll asks by number, and create saves none")
        return self


class Setting(Strict):
    """Something the site file may set. `default`: without one, it must."""

    help: Text | str
    default: Any = None
    required: bool = False

    @model_validator(mode="after")
    def _one(self) -> "Setting":
        if self.required == ("default" in self.model_fields_set):
            raise ValueError("a setting has a default, or is required: true")
        return self


class SecretNote(Strict):
    """A secret the site file refers to."""

    help: Text | str
    required: bool = True


class Mapping(Strict):
    """A ticket system.

    Attributes:
        title: for people.
        url: where it is, if it is the same for everyone.
        settings, secrets: what the site file gives; in templates as `settings.NAME` and `secret.NAME`.
        rate: most requests, if the system has a limit.
        link: path of an issue's page below the upstream's url, a template of `number`.
        headers: of every request. check, hold, retry: of every step.
        missing: what becomes of an action whose issue is not found.
        states: the system's word → ours.
        poll_batch: most numbers asked for at once.
        batch: most tickets in one message. actions: which are told in messages.
    """

    title: Text | str
    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    settings: dict[Name, Setting] = Field(default_factory=dict)
    secrets: dict[Name, SecretNote] = Field(default_factory=dict)
    rate: RateText | None = None
    link: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    check: str | None = None
    hold: str | None = None
    retry: Annotated[tuple[RetryRule, ...], Field(strict=False)] = ()
    missing: dict[Literal["update", "escalate", "reopen", "resolve", "merge"], Literal["create", "skip"]] = Field(
        default_factory=dict
    )
    states: dict[str, TicketWord] = Field(default_factory=dict)
    poll_batch: Annotated[int, Field(ge=1, le=200)] = 50
    batch: Annotated[int, Field(ge=1, le=100)] = 1
    actions: Words = ("open", "escalate", "reopen", "resolve")
    operations: Operations

    @model_validator(mode="after")
    def _batches(self) -> "Mapping":
        if self.batch > 1 and not self.operations.message:
            raise ValueError("batch is for message: issues are made one by one")
        return self


MISSING_DEFAULT = {"update": "skip", "escalate": "create", "reopen": "create", "resolve": "skip", "merge": "skip"}
"""An issue somebody deleted: what still needs people gets a new one, what is over does not."""


def per_window(rate: str) -> tuple[int, float]:
    """Requests and seconds of a rate: ``20/min`` → (20, 60.0)."""
    count, _, unit = rate.partition("/")
    return int(count), {"s": 1.0, "min": 60.0, "h": 3600.0}[unit]
