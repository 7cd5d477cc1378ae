"""Records as CloudEvents 1.0 in JSON (cloudevents.io, spec v1.0.2, JSON event format).

Owns: the envelope. Must not know: how it travels.

Built by concatenation: `data` is JSON already and is never parsed again; subjects and ids are slugs by the site file's schema,
but are escaped all the same. `edgegwseq` is a string because CloudEvents integers end at 2^31.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from edgegw.model import Record

EVENT_TYPE = "application/cloudevents+json; charset=UTF-8"
BATCH_TYPE = "application/cloudevents-batch+json; charset=UTF-8"

NS = 1_000_000_000


def rfc3339(ns: int) -> str:
    """UTC with microseconds: ``2026-01-01T00:00:00.000000Z``. Works for every 64-bit nanosecond count from 1970 on."""
    seconds, rest = divmod(max(ns, 0), NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


class Envelope:
    """Makes the events of one gateway. Remembers the last second's text: formatting a date costs more than all the rest."""

    def __init__(self, gateway: str) -> None:
        self._source = _quote(f"edgegw/{gateway}")
        self._second = -1
        self._text = ""

    def event(self, record: Record) -> bytes:
        """One record as one event (a JSON object in UTF-8)."""
        seconds, rest = divmod(max(record.time_ns, 0), NS)
        if seconds != self._second:
            self._second = seconds
            self._text = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
        extra = "" if record.synced else ',"edgegwsynced":false'
        if record.original_ns is not None:
            extra += f',"edgegwtimeoriginal":"{rfc3339(record.original_ns)}"'
        head = (
            f'{{"specversion":"1.0","id":"{record.id}","source":{self._source},"type":{_quote(record.type)},'
            f'"subject":{_quote(record.subject)},"time":"{self._text}.{rest // 1000:06d}Z",'
            f'"datacontenttype":"application/json","edgegwseq":"{record.seq}","edgegwboot":{record.boot},'
            f'"edgegwlane":"{record.lane.label}"{extra},"data":'
        )
        return head.encode() + record.data + b"}"

    def batch(self, records: Sequence[Record]) -> bytes:
        """Many records as one JSON array (application/cloudevents-batch+json)."""
        return b"[" + b",".join([self.event(record) for record in records]) + b"]"


def _quote(text: str) -> str:
    """A JSON string; plain slugs, nearly all there are, need no encoder."""
    if text.replace(".", "").replace("-", "").replace("_", "").replace("/", "").isalnum() and text.isascii():
        return f'"{text}"'
    return msgspec.json.encode(text).decode()
