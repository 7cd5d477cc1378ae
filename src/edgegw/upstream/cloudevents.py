"""Records as CloudEvents 1.0 JSON, by concatenation: the data are encoded already and are never parsed again.

Owns: the envelope: attribute names, their encoding, the batch form. Pure.
Must not know: transports, what the data mean.

Sources: CloudEvents 1.0.2 core and its JSON event format. Extension attributes: ``edgegwseq`` (a string, as CloudEvents integers
have 32 bits), ``edgegwboot``, ``edgegwlane``, ``edgegwsynced``, and ``edgegwtimeoriginal`` where the time was corrected.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from edgegw.model import Lane, Record

CONTENT_TYPE = "application/cloudevents+json"
BATCH_CONTENT_TYPE = "application/cloudevents-batch+json"

NS_PER_S = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MAX_CACHED_NAMES = 4096
"""Types and subjects kept in encoded form: a thousand devices and their like; beyond it the cache starts anew."""


def rfc3339(time_ns: int) -> str:
    """``2026-11-24T00:46:46.123456789Z`` of nanoseconds since the epoch (any int64)."""
    seconds, rest = divmod(time_ns, NS_PER_S)
    return f"{_second(seconds)}.{rest:09d}Z"


def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


class Encoder:
    """Encodes the records of one gateway. Keeps only encoded names and the last second's text.

    Args:
        gateway: id; the source becomes ``edgegw/<gateway>``.
    """

    def __init__(self, gateway: str) -> None:
        source = msgspec.json.encode(f"edgegw/{gateway}")
        self._head = b'{"specversion":"1.0","source":' + source + b',"id":"'
        self._lanes = tuple(b',"edgegwlane":"' + lane.label.encode() + b'"' for lane in Lane)
        self._names: dict[tuple[str, str], bytes] = {}
        self._last_second = -1
        self._last_text = b""

    def one(self, record: Record) -> bytes:
        """One event as a JSON object. `record.data` must be an encoded JSON value; it is taken as it is."""
        names = self._names.get((record.type, record.subject))
        if names is None:
            names = self._name(record.type, record.subject)
        seconds, rest = divmod(record.time_ns, NS_PER_S)
        if seconds != self._last_second:
            self._last_second = seconds
            self._last_text = _second(seconds).encode()
        tail = b',"edgegwsynced":true' if record.synced else b',"edgegwsynced":false'
        if record.original_ns is not None:
            tail += b',"edgegwtimeoriginal":"' + rfc3339(record.original_ns).encode() + b'"'
        return (
            b'%b%b%b%b.%09dZ","edgegwseq":"%d","edgegwboot":%d%b%b,"datacontenttype":"application/json","data":%b}'
            % (
                self._head,
                record.id.encode(),
                names,
                self._last_text,
                rest,
                record.seq,
                record.boot,
                self._lanes[record.lane],
                tail,
                record.data,
            )
        )

    def batch(self, records: Sequence[Record], max_bytes: int | None = None) -> tuple[bytes, int]:
        """A JSON array of the records, and how many it holds: as many as fit `max_bytes`, but at least one."""
        parts: list[bytes] = []
        total = 2
        for record in records:
            part = self.one(record)
            total += len(part) + 1
            if parts and max_bytes is not None and total > max_bytes:
                break
            parts.append(part)
        return b"[" + b",".join(parts) + b"]", len(parts)

    def _name(self, kind: str, subject: str) -> bytes:
        if len(self._names) >= MAX_CACHED_NAMES:
            self._names.clear()
        text = b'","type":%b,"subject":%b,"time":"' % (_json(kind), _json(subject))
        self._names[kind, subject] = text
        return text


def _json(text: str) -> bytes:
    return msgspec.json.encode(text.encode("utf-8", "replace").decode())  # half a surrogate pair must not stop the lane
