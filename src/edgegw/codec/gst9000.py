"""Records of a GST fire panel's printer port, GB 2312 text, to an event, its place and what the panel now shows.

Owns: the printer's control codes, which words make which event, what is left of a torn record.
Must not know: framing, alarms, which point a field becomes.

A record is ``ESC 6 yy/mm/dd  hh:mm LF  loop-device LF ESC 9 event LF place LF detector LF LF``; a system reset has blanks instead
of the address and ends after the event. The panel prints a record as it happens and never again, so what can still be read of a
torn one is given: a line that says ``火警`` is enough for a fire alarm. Records that ran together because the end of one was torn
are taken in order; the last tells address, place and text.

Fire alarms (the first, ``首次火警``, and those after it, ``火警后续``) and ``系统复位`` are published with their bytes. The same
document says that this panel prints neither faults nor what is isolated; the words for those are GB 4717's, for panels that do.

Source: the collection protocol of GST9000 as fire-service companies publish it, for one www.bingoex.cn/news/119.html; GB 4717.
"""

import re

from edgegw.codec.cards import Fields
from edgegw.errors import DecodeError

MOST = 1024
"""Bytes of a frame: a record has some 60, so ten that ran together still fit."""

MOST_TEXT = 100
"""Characters kept of a line: the printer has 16 Chinese characters on one."""

STATES = ("fire", "fault", "supervisory", "isolated")
"""What the panel may show; each is a field, 1 or 0, when a record says so."""

_RESET = "复位"
_FIRE = "火警".encode("gb2312")
_OVER = ("恢复", "消除", "解除", "释放", "撤销", "取消")
_WORDS = (
    ("fire", ("火灾",)),
    ("fault", ("故障",)),
    ("supervisory", ("监管",)),
    ("isolated", ("屏蔽", "隔离")),
    ("feedback", ("反馈", "启动", "动作", "请求", "停动", "停止")),
)
"""Event and the words that tell it besides ``火警``, the more urgent first: a line that names two is the first."""

_ADDRESS = re.compile(r"([0-9]{1,3})-([0-9]{1,3})")
_WHEN = re.compile(r"([0-9]{2}/[0-9]{2}/[0-9]{2}) +([0-9]{2}:[0-9]{2})")

FIELDS = ("event", "text", *STATES, "address", "loop", "device", "place", "detector", "printed")


def parse(frame: bytes) -> Fields:
    """Fields of a record, or of the last of those in the frame.

    - ``event``: ``fire``, ``fault``, ``supervisory``, ``isolated``, ``feedback``, ``restored``, ``reset`` or ``other``;
      ``text``: as the panel printed it;
    - ``fire``, ``fault``, ``supervisory``, ``isolated``: 1 with such an event, 0 when the panel says it is over. A fire is over
      only with the system reset. A panel has one state of each: of two faults, the restoration of either clears it;
    - ``address`` (``004-004``), ``loop``, ``device``, ``place``, ``detector``, ``printed`` (``08/12/02 17:24``): where readable.

    Raises:
        DecodeError: ``bad-frame`` if no event can be read, ``too-large``.
    """
    if len(frame) > MOST:
        raise DecodeError("too-large", f"a record of {len(frame)} bytes")
    found: Fields = {}
    states: Fields = {}
    head: Fields = {}
    for part in frame.split(b"\x1b"):  # neither ESC nor LF is a byte of a Chinese character
        if part.startswith(b"6"):
            head = _head(_text(part))
        if part.startswith(b"9"):
            first, *rest = part[1:].replace(b"\r", b"").split(b"\n")
            text, event = _text(first), _event(first)
        else:
            rest, text, event = [], "", "other"
        if event == "other" and _FIRE in part:  # the mark of the event line is torn, or there is a line feed in it
            text, event = "火警", "fire"
        if text:
            states |= _states(event, text)
            lines = [line for line in map(_text, rest) if line]
            names = ("detector",) if len(lines) == 1 else ("place", "detector")
            found = {"event": event, "text": text, **head, **dict(zip(names, lines, strict=False))}
            head = {}
    if not found:
        raise DecodeError("bad-frame", f"no event in a record of {len(frame)} bytes")
    return found | states


def _text(line: bytes) -> str:
    """GB 18030 has all of GB 2312 and the rarer characters of place names; a torn character becomes U+FFFD."""
    return line.decode("gb18030", errors="replace").strip()[:MOST_TEXT]


def _head(part: str) -> Fields:
    fields: Fields = {}
    if when := _WHEN.search(part):
        fields["printed"] = f"{when[1]} {when[2]}"
    if where := _ADDRESS.search(part):
        fields |= {"address": where[0], "loop": int(where[1]), "device": int(where[2])}
    return fields


def _event(line: bytes) -> str:
    if _FIRE in line:  # by its bytes: a torn character before it shifts the decoding of the rest
        return "fire"
    text = _text(line)
    if _RESET in text:
        return "reset"
    event = next((name for name, words in _WORDS if any(word in text for word in words)), "other")
    return "restored" if any(word in text for word in _OVER) and event not in {"fire", "other"} else event


def _states(event: str, text: str) -> Fields:
    if event == "reset":
        return dict.fromkeys(STATES, 0)
    if event == "restored":
        return {name: 0 for name, words in _WORDS if name in STATES and any(word in text for word in words)}
    return {event: 1} if event in STATES else {}
