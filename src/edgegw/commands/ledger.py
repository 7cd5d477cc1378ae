"""Which command ids were used: so that no command is carried out twice, whatever is replayed, restarted or set back.

Owns: the durable entries (`StateChange` kind ``command``), how long each is kept, which commands had no outcome yet.
Must not know: SQL, time's source, sending, rights. Pure: it takes instants and gives changes to commit.

The invariant: **an id that was admitted is not admitted again**, as far as its command could be admitted again at all:

- *Dated* (`expires_ns`, every command from upstream). Admission demands ``wall < expires_ns`` by a trusted clock, and trusted
  means ``wall >= floor``, where the floor only grows and is durable (clocktrust). So once ``expires_ns <= floor`` the command
  cannot be admitted any more, by no restart and no setting of the clock, and then its entry is retired. The commit that
  retires it carries the latest time with it: whoever finds the entry gone finds the floor that made it needless.
- *From upstream, of an earlier run*. Its envelope names that run (`boot`) and is refused for that (``old-boot``), whatever the
  clock says; entries of earlier runs are retired at opening, once their outcome is recorded.
- *Undated, from outside* (API, CLI: the issuer waits for the answer, and nothing keeps its request for later). Kept for
  `KEEP_NS` of running time by the monotonic clock, counted anew after a restart: longer than any client or proxy repeats a
  request.
- *From inside* (doors, linkages), whose ids are made here and name an occurrence. The last `INTERNAL_MOST` are kept.

An entry without an outcome is never retired. The number is bounded by `LEDGER_MOST` beside those from inside: an id that can't be
remembered is not admitted (``ledger-full``). Commands from inside are never refused for that: a fire must not wait for a ledger.
"""

import heapq
from collections import deque
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from edgegw.model import Command, Instant, Source, StateChange, Value
from edgegw.rules.events import encode

KIND = "command"
"""`StateChange.kind`; the key is the command's id."""

LEDGER_MOST = 20_000
"""Ids from outside: 5 a second for an hour, which is more than the API's rate lets through; some 6 MB in memory at the worst."""

INTERNAL_MOST = 2_000
"""Ids from inside that are kept, outcome given: hours of a busy entrance, far beyond any repetition of an occurrence."""

KEEP_NS = 3_600_000_000_000
"""1 h of running time for undated ids."""

RETIRE_AT_ONCE = 64
"""Entries retired with one commit: it stays small; several are retired for each one that is admitted."""

INTERNAL = frozenset({Source.DOOR, Source.LINKAGE})


class Entry(Struct, frozen=True, omit_defaults=True):
    """A used id as stored.

    Attributes:
        boot: the run that admitted it. `source`, `issuer`: who gave it. `expires`: wall ns, None for undated.
        at: wall ns of admission.
        pending: no outcome recorded yet; then `target`, `command`, `args` say what it was.
    """

    boot: int = 0
    source: str = Source.API
    issuer: str = ""
    expires: int | None = None
    at: int = 0
    pending: bool = False
    target: str = ""
    command: str = ""
    args: dict[str, Value] = {}


class Ledger:
    """The used ids. One per gateway.

    Args:
        states: the durable state of kind `KIND` as of opening.
        boot: number of this daemon start.
        now: the present; running time of undated entries found counts from here.
        most, keep_ns: other bounds than `LEDGER_MOST`, `KEEP_NS`.
    """

    def __init__(
        self,
        states: Mapping[str, bytes],
        *,
        boot: int,
        now: Instant,
        most: int = LEDGER_MOST,
        keep_ns: int = KEEP_NS,
    ) -> None:
        self._boot = boot
        self._most = most
        self._keep_ns = keep_ns
        self._entries: dict[str, Entry] = {}
        self._dated: list[tuple[int, str]] = []
        self._undated: deque[tuple[int, str]] = deque()
        self._internal: deque[str] = deque()
        self._void: dict[str, None] = {}  # durable, and needless; in order
        found = [(id_, _decode(value)) for id_, value in states.items()]
        for id_, entry in sorted(found, key=lambda one: one[1].at):
            if self._is_void(entry):
                self._void[id_] = None
            else:
                self._keep(id_, entry, now)

    def __len__(self) -> int:
        """Ids remembered."""
        return len(self._entries)

    def used(self, id_: str) -> bool:
        """Whether the id must not be admitted."""
        return id_ in self._entries

    def room(self, source: Source) -> bool:
        """Whether an id from there can be remembered."""
        return source in INTERNAL or len(self._entries) - len(self._internal) < self._most

    def pending(self) -> dict[str, Entry]:
        """The commands without a recorded outcome, by id."""
        return {id_: entry for id_, entry in self._entries.items() if entry.pending}

    def admit(self, command: Command, now: Instant) -> tuple[StateChange, ...]:
        """Use up the id, at once; the change is to be committed before anything is sent."""
        entry = Entry(
            self._boot,
            command.issuer.source,
            command.issuer.name,
            command.expires_ns,
            now.wall_ns,
            pending=True,
            target=command.target,
            command=command.name,
            args=dict(command.args),
        )
        self._keep(command.id, entry, now)
        return (StateChange(KIND, command.id, encode(entry)),)

    def spend(self, command: Command, now: Instant) -> None:
        """Use up the id of a command that was rejected although it might have been admitted (a full line): the issuer was told
        no, and a copy that arrives later must not be carried out. In memory only: what was never sent may be forgotten."""
        self._keep(command.id, self._used(command.issuer.source, command.expires_ns, now.wall_ns), now)

    def end(self, id_: str) -> tuple[StateChange, ...]:
        """The outcome is about to be recorded: the change to commit with it. Nothing for an id that is not pending."""
        entry = self._entries.get(id_)
        if entry is None or not entry.pending:
            return ()
        short = msgspec.structs.replace(entry, pending=False, issuer="", target="", command="", args={})
        self._entries[id_] = short
        if self._is_void(short):
            del self._entries[id_]
            return (StateChange(KIND, id_, None),)
        return (StateChange(KIND, id_, encode(short)),)

    def retire(self, now: Instant, floor_ns: int) -> tuple[StateChange, ...]:
        """Forget what cannot be admitted any more, a few at a time; to be committed together with the latest time.

        Args:
            floor_ns: `ClockTrust.floor_ns`, after `note`.
        """
        gone: list[str] = []
        while self._void and len(gone) < RETIRE_AT_ONCE:
            gone.append(next(iter(self._void)))
            del self._void[gone[-1]]
        while self._dated and self._dated[0][0] <= floor_ns and len(gone) < RETIRE_AT_ONCE:
            expires_ns, id_ = self._dated[0]
            entry = self._entries.get(id_)
            # an id of an earlier run may have been retired when it ended, and be in use by another command since
            if entry is not None and entry.expires == expires_ns and not self._forget(id_, gone):
                break
            heapq.heappop(self._dated)
        oldest_ns = now.mono_ns - self._keep_ns
        while self._undated and self._undated[0][0] <= oldest_ns and len(gone) < RETIRE_AT_ONCE:
            if not self._forget(self._undated[0][1], gone):
                break
            self._undated.popleft()
        while len(self._internal) > INTERNAL_MOST and len(gone) < RETIRE_AT_ONCE:
            if not self._forget(self._internal[0], gone):
                break
            self._internal.popleft()
        return tuple(StateChange(KIND, id_, None) for id_ in gone)

    def _forget(self, id_: str, gone: list[str]) -> bool:
        """Forget an entry; not if it is pending: what is later in the row then waits the seconds until it ends."""
        entry = self._entries.get(id_)
        if entry is not None:
            if entry.pending:
                return False
            del self._entries[id_]
            gone.append(id_)
        return True

    def _keep(self, id_: str, entry: Entry, now: Instant) -> None:
        self._entries[id_] = entry
        self._void.pop(id_, None)  # its row is overwritten, and must not be deleted under it
        if entry.source in INTERNAL:
            self._internal.append(id_)
        elif entry.expires is not None:
            heapq.heappush(self._dated, (entry.expires, id_))
        else:
            self._undated.append((now.mono_ns, id_))

    def _used(self, source: Source, expires_ns: int | None, at_ns: int) -> Entry:
        return Entry(self._boot, source, expires=expires_ns, at=at_ns)

    def _is_void(self, entry: Entry) -> bool:
        return not entry.pending and entry.source == Source.UPSTREAM and entry.boot != self._boot


def _decode(value: bytes) -> Entry:
    """An entry; one that cannot be read is an id that was used, no more."""
    try:
        return msgspec.json.decode(value, type=Entry)
    except msgspec.DecodeError:
        return Entry()
