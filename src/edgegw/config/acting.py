"""The parts of the site file that act: doors, access rights, linkages; and, from `remote`, commands, the API, targets.

Owns: their schema, defaults included. Must not know: YAML, line numbers, what a profile can do (config.check_acting).
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from edgegw.config.fields import HttpUrl
from edgegw.config.remote import Api, Commands, SignerKey, Targets
from edgegw.config.secret import Secret
from edgegw.config.tls import Tls
from edgegw.profiles.fields import Duration, Slug, Strict, Text
from edgegw.profiles.schema import Scalar
from edgegw.profiles.schema_commands import ArgValue

__all__ = [
    "Access",
    "AccessSync",
    "Action",
    "AlarmRef",
    "AntiPassback",
    "Api",
    "CommandRef",
    "Commands",
    "Door",
    "Linkage",
    "Lock",
    "Lockout",
    "MultiCard",
    "PointIs",
    "Reader",
    "Right",
    "SignerKey",
    "Targets",
    "Window",
]

Title = Annotated[
    Text,
    BeforeValidator(lambda v: {"zh": v, "en": v} if isinstance(v, str) else v, json_schema_input_type=str | Text),
]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-4]):[0-5][0-9]$")]
"""``08:30``, in quotes; ``24:00`` is the end of the day."""
Date = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
"""``2026-10-01``, in quotes."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
"""``holiday`` stands for the days under `access.holidays`, which then do not count as weekdays."""


class PointIs(Strict):
    """A device's point having a value: a contact, a button, a fire input.

    Attributes:
        device: whose point.
        point: which of them.
        equals: it is so while the point has this value.
    """

    device: Slug
    point: Slug
    equals: Scalar = True


class CommandRef(Strict):
    """A command of a device.

    Attributes:
        command: its name in the device's profile.
        args: its arguments by name; ``$point`` is that point's reading in the message that asked.
    """

    command: Slug
    args: dict[Slug, ArgValue] = Field(default={})


class Reader(Strict):
    """Where a door hears a credential.

    Attributes:
        device: the reader.
        point: the reading that is the card number, code or PIN.
        kind: what it is; ``pin`` is a keypad.
        direction: into the area or out of it; for anti-passback.
        tamper: the reader's tamper contact.
    """

    device: Slug
    point: Slug
    kind: Literal["card", "qr", "pin"] = "card"
    direction: Literal["in", "out"] = "in"
    tamper: PointIs | None = None


class Lock(Strict):
    """What moves the bolt.

    Attributes:
        device: the relay, terminal or controller.
        unlock: opens for a moment that the device itself ends (``timed: true`` in its profile).
        release: opens and stays open, for fire; needed where the door has a fire input.
        relock: ends a release; only by a person's word.
        refuse: told to a terminal that waits for an answer.
    """

    device: Slug
    unlock: CommandRef
    release: CommandRef | None = None
    relock: CommandRef | None = None
    refuse: CommandRef | None = None


class Lockout(Strict):
    """After so many failures in a row at a door nothing is accepted there for a while (GB 50396: at most 5).

    Attributes:
        failures: refused attempts in a row; 0: never.
        within: attempts further apart are not in a row.
        pause: how long nothing is accepted.
    """

    failures: Annotated[int, Field(ge=0, le=5)] = 5
    within: Duration = 300.0
    pause: Annotated[Duration, Field(alias="for")] = 30.0


class AntiPassback(Strict):
    """One may not enter an area twice without leaving it.

    Attributes:
        mode: ``soft`` grants and reports, ``hard`` refuses.
        area: doors with the same name share who is inside.
        forget: after this long a person may enter again whatever is known.
    """

    mode: Literal["soft", "hard"]
    area: Slug
    forget: Duration = 43200.0


class MultiCard(Strict):
    """So many different holders must present, one after the other.

    Attributes:
        cards: how many.
        within: from the first to the last.
        escort: one of them must be of this group.
    """

    cards: Annotated[int, Field(ge=2, le=5)] = 2
    within: Annotated[Duration, Field(ge=1, le=60)] = 10.0
    escort: Slug | None = None


class Door(Strict):
    """A door. One without readers is opened by its exit button, by commands and by fire alone.

    Attributes:
        name: what people call it; the key if not given.
        labels: building, floor … as of a device; become the ticket's location.
        groups: door groups; rights may name a group instead of each door.
        require: what a person must present.
        readers: where credentials come from.
        lock: what moves the bolt.
        contact: so while the door is open.
        exit: the exit button: opens without a credential.
        fire: while it is so the door is released, and stays so until it is relocked by hand.
        pulse: how long one grant opens; an argument ``seconds`` of the lock's unlock command is given it. A lock without
            one has a time of its own: write that.
        held_open: open longer than this after a grant is an alarm.
        lockout: after too many failures nothing is accepted for a while.
        anti_passback: nobody enters twice without leaving; not checked if not given.
        interlock: doors that must be closed before this one opens.
        multi: more than one person must present; one is enough if not given.
        on_power_loss: what the lock's hardware does: documentation for the alarm's reader, nothing here changes it.
        on_audit_failure: a decision that cannot be committed: ``open`` acts and records later, ``refuse`` does not act.
        on_clock_untrusted: rights bound to a schedule or validity while the clock is not trustworthy: ``allow`` or ``refuse``.
    """

    name: str | None = None
    labels: dict[Slug, str] = Field(default={})
    groups: tuple[Slug, ...] = Field(default=(), strict=False)
    require: Literal["card", "pin", "card+pin", "qr", "any"] = "card"
    readers: Annotated[tuple[Reader, ...], Field(strict=False)] = ()
    lock: Lock
    contact: PointIs | None = None
    exit: PointIs | None = None
    fire: PointIs | None = None
    pulse: Annotated[Duration, Field(ge=0.5, le=60)] = 5.0
    held_open: Duration = 30.0
    lockout: Lockout = Lockout()
    anti_passback: AntiPassback | None = None
    interlock: tuple[Slug, ...] = Field(default=(), strict=False)
    multi: MultiCard | None = None
    on_power_loss: Literal["unlocks", "locks"] = "unlocks"
    on_audit_failure: Literal["open", "refuse"] = "open"
    on_clock_untrusted: Literal["allow", "refuse"] = "allow"


class Window(Strict):
    """Days and times of a schedule, in the gateway's time zone. A window ends with its day: over midnight it takes two.

    Attributes:
        days: on which days; ``holiday`` for those under `holidays`, which then do not count as weekdays.
        start: ``"08:30"``, included.
        end: not included; ``"24:00"`` is the end of the day.
    """

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, strict=False)]
    start: Clock = "00:00"
    end: Clock = "24:00"


class Right(Strict):
    """Who may pass where and when.

    Attributes:
        groups: holders' groups, as their credentials say.
        doors: door ids or door groups.
        schedule: a key of `schedules`; always if not given.
    """

    groups: Annotated[tuple[Slug, ...], Field(min_length=1, strict=False)]
    doors: Annotated[tuple[Slug, ...], Field(min_length=1, strict=False)]
    schedule: Slug | None = None


class AccessSync(Strict):
    """Where credentials come from upstream: versioned pages over HTTP (docs/doors.md has the protocol).

    Attributes:
        url: ``https://HOST/PATH``; ``http://`` only where the network is trusted.
        token: a reference, see Secret; sent as ``Authorization: Bearer …``.
        tls: authorities and client certificate, where the system's do not do.
        every: how often it is asked for changes.
        timeout: of one page.
    """

    url: HttpUrl
    token: Secret | None = None
    tls: Tls | None = None
    every: Duration = 300.0
    timeout: Duration = 10.0


class Access(Strict):
    """Who may pass.

    Attributes:
        key: 32 bytes or more of secret, see Secret; card numbers are kept only as keyed hashes under it. Needed where a door has
            readers. With another key no card is known any more.
        schedules: weekly windows, each schedule under its name.
        holidays: days that count as ``holiday``, such as ``"2026-10-01"``.
        rights: who may pass where and when; each under its name.
        audit_wait: how long a decision waits for its commit before `on_audit_failure` applies.
        sync: where credentials come from.
    """

    key: Secret | None = None
    schedules: dict[Slug, Annotated[tuple[Window, ...], Field(strict=False)]] = Field(default={})
    holidays: Annotated[tuple[Date, ...], Field(strict=False)] = ()
    rights: dict[Slug, Right] = Field(default={})
    audit_wait: Annotated[Duration, Field(gt=0, le=2)] = 1.0
    sync: AccessSync | None = None


class AlarmRef(Strict):
    """A device's alarm being raised.

    Attributes:
        device: whose alarm.
        alarm: its name in the profile, or under the device's `rules`.
    """

    device: Slug
    alarm: Slug


class Action(Strict):
    """One thing a linkage does; exactly one of the two.

    Attributes:
        release: doors or door groups, released and kept released until relocked by hand.
        device: whose command.
        command: its name in the device's profile.
        args: its arguments by name.
        deadline: the action has its outcome by then.
    """

    release: Annotated[tuple[Slug, ...] | None, Field(strict=False)] = None
    device: Slug | None = None
    command: Slug | None = None
    args: dict[Slug, ArgValue] = Field(default={})
    deadline: Annotated[Duration, Field(gt=0, le=5)] = 5.0

    @model_validator(mode="after")
    def _one(self) -> "Action":
        if (self.release is None) == (self.device is None) or (self.device is None) != (self.command is None):
            raise ValueError("an action is either `release: [doors]` or `device` with `command`")
        return self


class Linkage(Strict):
    """A rule that commands.

    Attributes:
        title: for people; the key if not given.
        when: any of these alarms being raised starts it; it starts again only after all of them were cleared.
        do: what is done, all at once, each with its own deadline and outcome.
    """

    title: Title | None = None
    when: Annotated[tuple[AlarmRef, ...], Field(min_length=1, strict=False)]
    do: Annotated[tuple[Action, ...], Field(min_length=1, strict=False)]
