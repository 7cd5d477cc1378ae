"""Which Modbus profile fits what a unit answered, and why.

Owns: weighing blocks and values of one unit against every profile. Must not know: how and when the unit was asked.

A pure function of the answers and the profiles. Values are decoded by the profile's own decoder, point by point: one impossible
value must not hide the others of its block.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from edgegw.access.blot import blotted
from edgegw.codec import registers
from edgegw.codec.modbus import EXCEPTIONS
from edgegw.errors import DecodeError
from edgegw.model import Decoded, Registers, Value
from edgegw.probe.found import Fit, judged
from edgegw.probe.plausible import AGAINST, HUGE, TINY, Weight, weigh
from edgegw.profiles.decode import Decoder, compile_profile
from edgegw.profiles.plan import BIT_TABLES, poll_plan, width
from edgegw.profiles.schema import Profile


class Ask(Struct, frozen=True, order=True):
    """One read: `count` registers or bits of a table from `address` (zero-based)."""

    table: str
    address: int
    count: int


class Reply(StrEnum):
    """How a read ended without values."""

    SILENT = "silent"
    GARBLED = "garbled"
    """Bytes came that are no valid answer."""


Answer = tuple[int, ...] | int | Reply
"""Registers or bits; or a device exception's code; or neither."""

Answers = Mapping[Ask, Answer]

NEAR = 0x0100
"""Addresses below this are answered by many devices."""

BLOCK_BITS, FAR_BLOCK_BITS = 0.5, 1.0
"""For a block that was answered, unless the unit answers at any address."""

CONTROLS = tuple(Ask(table, at, 1) for table in ("holding", "input", "coil", "discrete") for at in (0x1B2B, 0xEEE0))
"""Where no known device has anything: who answers there answers anywhere, and that it answered a block says nothing."""

VALUE_BITS_LEAST, FAR_BLOCKS_LEAST = 2.0, 3
"""Values, or as many blocks at unusual addresses, without which a fit is only possible."""

SILENT_BITS = -3.0
"""For one that was not, while the unit answered others: some devices are silent where they should refuse."""

TOLD = 4
"""Values named in a reason."""


def answer_to(answers: Answers, ask: Ask) -> Answer | None:
    """What is known of a read: its own answer, or the part of a longer one that was answered; None if nothing is."""
    own = answers.get(ask)
    if isinstance(own, tuple):
        return own
    end = ask.address + ask.count
    for other, words in answers.items():
        if not isinstance(words, tuple) or other.table != ask.table:
            continue
        if other.address <= ask.address and end <= other.address + len(words):
            return words[ask.address - other.address : end - other.address]
    return own


def rank(answers: Answers, profiles: Mapping[str, Profile]) -> tuple[Fit, ...]:
    """The profiles that fit, best first (`found.judged`). Profiles of other links, or that read nothing, are passed over."""
    return judged([fit for name, profile in profiles.items() if (fit := fit_of(answers, name, profile)) is not None])


def fit_of(answers: Answers, name: str, profile: Profile) -> Fit | None:
    """How well one profile fits; None if it reads nothing, or the unit answered nothing of it."""
    blocks = poll_plan(profile) if profile.link == "modbus" else ()
    states = [(block, answer_to(answers, Ask(block.table, block.address, block.count))) for block in blocks]
    answered = [block for block, answer in states if isinstance(answer, tuple)]
    if not answered:
        return None
    anywhere = {ask.table for ask in CONTROLS if isinstance(answers.get(ask), tuple)}
    proving = [block for block in answered if block.table not in anywhere]
    far = sum(block.address >= NEAR for block in proving)
    bits = far * FAR_BLOCK_BITS + (len(proving) - far) * BLOCK_BITS
    why = [f"{len(answered)} of {len(blocks)} blocks answered"]
    hindered = ""
    for block, answer in states:
        if isinstance(answer, tuple):
            continue
        against, reason = _missing(answer)
        bits += against
        hindered = f"{block.table} {block.address:#06x}+{block.count} {reason}"
        why.append(hindered)
    told: list[Weight] = []
    readings: dict[str, Value] = {}
    for weight in _values(answers, profile, readings):
        told.append(weight)
        bits += weight.bits
        if weight.impossible:
            hindered = weight.why
    good = [w.why for w in sorted(told, key=lambda w: -w.bits) if w.why and not w.impossible][:TOLD]
    bad = [w.why for w in told if w.impossible][:TOLD]
    why += [", ".join(part) for part in (good, bad) if part]
    if not hindered and sum(w.bits for w in told) < VALUE_BITS_LEAST and far < FAR_BLOCKS_LEAST:
        hindered = "no value that only such a device would have"
    return Fit(name, round(bits, 3), tuple(why), readings, hindered)


def _missing(answer: Answer | None) -> tuple[float, str]:
    if answer is None:
        return 0.0, "was not asked"
    if answer is Reply.SILENT:
        return SILENT_BITS, "was not answered"
    if answer is Reply.GARBLED:
        return SILENT_BITS, "was answered with garbage"
    assert isinstance(answer, int)  # noqa: S101  (what is left of the type)
    return AGAINST, f"was refused: {EXCEPTIONS.get(answer, f'exception {answer}')}"


def _values(answers: Answers, profile: Profile, readings: dict[str, Value]) -> Iterator[Weight]:
    """The weight of every point whose block was answered; fills `readings` in."""
    decoder = compile_profile(profile, None)
    secret = frozenset(name for name, point in profile.points.items() if point.secret)
    spans: dict[Ask, list[str]] = {}
    # What scales others comes first: the decoder remembers it.
    for name, point in sorted(profile.points.items(), key=lambda item: bool(item[1].modbus and item[1].modbus.others)):
        if point.modbus is not None:
            spans.setdefault(Ask(point.modbus.table, point.modbus.address, width(point)), []).append(name)
    for ask, names in spans.items():
        words = answer_to(answers, ask)
        if not isinstance(words, tuple):
            continue
        decoded, fault = _decoded(decoder, ask, words)
        if decoded is None:
            yield Weight(AGAINST, fault, impossible=True)
            continue
        for reading, shown in zip(decoded.readings, blotted(decoded, secret).readings, strict=True):
            if reading.point not in names:
                continue  # lies within this one's registers, and has a span of its own
            readings[reading.point] = shown.value
            found = _weight(profile, reading.point, reading.value, secret, ask)
            yield _raw_weight(profile, reading.point, words) or found


def _weight(profile: Profile, name: str, value: Value, secret: frozenset[str], ask: Ask) -> Weight:
    found = weigh(name, profile.points[name], value)
    if name in secret:
        return Weight(found.bits, f"{name} can be read" if found.why else "", found.impossible)
    return Weight(0.0, "", found.impossible) if ask.table in BIT_TABLES else found


def _raw_weight(profile: Profile, name: str, words: tuple[int, ...]) -> Weight | None:
    """Against a float that only rounding makes a zero: another device's registers look so, a meter's do not."""
    point = profile.points[name]
    if point.modbus is None or not point.type.startswith("float"):
        return None
    value = registers.decode(words, point.type, point.modbus.order)
    if value == 0 or TINY <= abs(value) <= HUGE:
        return None
    return Weight(AGAINST, f"{name} {value:g} is no plausible number", impossible=True)


def _decoded(decoder: Decoder, ask: Ask, words: tuple[int, ...]) -> tuple[Decoded | None, str]:
    try:
        return decoder.decode(Registers(ask.table, ask.address, words)), ""
    except DecodeError as error:
        return None, error.detail or error.reason
