"""The store's statements, built with SQLAlchemy Core and compiled once.

Owns: SQL text and the order of its parameters. Must not know: when any of it runs.
"""

from typing import Any

from sqlalchemy import Table, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from edgegw.store import schema
from edgegw.store.engine import compiled


def _upsert(table: Table, keys: tuple[str, ...], values: tuple[str, ...]) -> str:
    put = insert(table)
    return compiled(put.on_conflict_do_update(index_elements=list(keys), set_={v: put.excluded[v] for v in values}))


class Sql:
    """Statements; the parameters in their order stand beside each."""

    def __init__(self) -> None:
        any_: Any = bindparam
        lanes = schema.LANES
        self.put_boot = compiled(insert(schema.BOOT))  # the table's columns
        self.drop_boots = compiled(delete(schema.BOOT).where(schema.BOOT.c.boot <= any_("a")))  # boot
        self.put_meta = _upsert(schema.META, ("key",), ("value",))  # key, value
        gap = schema.GAP.c
        self.drop_gaps = compiled(delete(schema.GAP).where(gap.id <= any_("a"), gap.announced.is_not(None)))  # id
        self.put_state = _upsert(schema.STATE, ("kind", "key"), ("value",))  # kind, key, value
        state = schema.STATE.c
        self.drop_state = compiled(
            delete(schema.STATE).where(state.kind == any_("a"), state.key == any_("b"))
        )  # kind, key
        self.put_cursor = _upsert(schema.CURSOR, ("upstream", "lane"), ("seq",))  # upstream, lane, seq
        self.put_dead = compiled(insert(schema.DEAD))  # the table's columns
        self.drop_dead = compiled(delete(schema.DEAD).where(schema.DEAD.c.id <= any_("a")))  # id
        self.put_gap = _upsert(schema.GAP, ("id",), ("from_seq", "to_seq", "count", "announced"))  # the table's columns
        self.put_offset = compiled(  # offset_ns, os_boot
            update(schema.BOOT).values(offset_ns=any_("a")).where(schema.BOOT.c.os_boot == any_("b"))
        )
        self.delete = tuple(compiled(delete(t).where(t.c.seq <= any_("a"))) for t in lanes)  # seq
        self.nth = tuple(  # 1, how many to pass over
            compiled(select(t.c.seq).order_by(t.c.seq).limit(any_("a")).offset(any_("b"))) for t in lanes
        )
        self.fetch = tuple(  # after, limit, 0
            compiled(select(t).where(t.c.seq > any_("a")).order_by(t.c.seq).limit(any_("b"))) for t in lanes
        )
