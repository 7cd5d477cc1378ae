"""How numbers, units, dates and names look in a report.

Owns: rounding to the worse side, thousands, dates of both languages, names in place of ids.
Must not know: HTML.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from edgegw.report.words import STATES, WHYS, word
from edgegw.rules.wording import place
from edgegw.service.indicators_report import Period, Step
from edgegw.service.indicators_words import Spec
from edgegw.service.specs import NS_PER_S

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = {"%": " %", "s": " s", "min": " min", "points": "", "": ""}
_UNITS_ZH = {"%": " %", "s": " 秒", "min": " 分钟", "points": " 分", "": ""}
GAP = "\u00a0"
"""Between a number and its unit: no line ends there."""


class Names(Struct, frozen=True, kw_only=True):
    """What people call things; where a name is missing the id stands.

    Attributes:
        gateway: its id; `location`: where it is.
        devices, categories, plans: names by id.
    """

    gateway: str = ""
    location: str = ""
    devices: Mapping[str, str] = {}
    categories: Mapping[str, str] = {}
    plans: Mapping[str, str] = {}


class Show:
    """Formats for one language and time zone."""

    def __init__(self, language: str, zone: ZoneInfo, names: Names) -> None:
        self.language = language
        self.chinese = language.startswith("zh")
        self.zone = zone
        self.names = names

    def word(self, key: str, **values: object) -> str:
        """See `words.word`."""
        return word(key, self.language, **values)

    # --- numbers ------------------------------------------------------------------------------------------------------

    def count(self, n: float) -> str:
        """A whole number with thousands."""
        return f"{n:,.0f}"

    def number(self, value: float, unit: str, *, more_is_better: bool | None) -> str:
        """A value and its unit, rounded to the worse side: what reads as the target has reached it."""
        if unit == "":
            return self.count(value)
        places = 2 if unit == "points" or (value < 10 and unit in {"s", "%"} and not more_is_better) else 1
        side = {True: ROUND_FLOOR, False: ROUND_CEILING, None: ROUND_HALF_EVEN}[more_is_better]
        rounded = Decimal(repr(round(value, 9))).quantize(Decimal(1).scaleb(-places), rounding=side)
        if unit == "%" and value in {0.0, 100.0}:
            rounded = Decimal(int(value))
        suffix = (_UNITS_ZH if self.chinese else _UNITS)[unit].replace(" ", GAP)
        return f"{rounded:,}{suffix}"

    def value(self, spec: Spec, value: float | None) -> str:
        """An indicator's value, or that there is none."""
        if value is None:
            return self.word("no_data")
        return self.number(value, spec.unit, more_is_better=spec.more_is_better)

    def limit(self, spec: Spec, value: float) -> str:
        """A target or a baseline: ``≤ 0.3 %``'s number without digits that say nothing."""
        suffix = (_UNITS_ZH if self.chinese else _UNITS)[spec.unit].replace(" ", GAP)
        return f"{value:g}{suffix}"

    def limit_s(self, seconds: float) -> str:
        """A limit in seconds."""
        return f"{seconds:g}{GAP}{'秒' if self.chinese else 's'}"

    def share(self, part: float, whole: float, *, good: bool = True) -> str:
        """Percent of, or a dash of nothing."""
        return self.number(100 * part / whole, "%", more_is_better=good) if whole else "–"

    def seconds(self, value: float) -> str:
        """A short time, rounded up."""
        return self.number(value, "s", more_is_better=False)

    def minutes(self, value: float | None) -> str:
        """Minutes, rounded up, or a dash."""
        return "–" if value is None else self.number(value, "min", more_is_better=False)

    def span(self, seconds: float) -> str:
        """A long time in its two largest units."""
        minutes = -int(-seconds // 60)
        if minutes < 60:
            return f"{minutes}{GAP}{'分钟' if self.chinese else 'min'}"
        hours, minutes = divmod(minutes, 60)
        if hours < 48:
            return f"{hours}{GAP}{'小时' if self.chinese else 'h'} {minutes:02d}{GAP}{'分' if self.chinese else 'min'}"
        days, hours = divmod(hours, 24)
        return f"{days}{GAP}{'天' if self.chinese else 'd'} {hours}{GAP}{'小时' if self.chinese else 'h'}"

    # --- dates --------------------------------------------------------------------------------------------------------

    def day(self, day: date, *, year: bool = True) -> str:
        """``2026年11月9日`` or ``9 Nov 2026``."""
        if self.chinese:
            return f"{f'{day.year}年' if year else ''}{day.month}月{day.day}日"
        return f"{day.day}{GAP}{_MONTHS[day.month - 1]}{f'{GAP}{day.year}' if year else ''}"

    def tick(self, day: date) -> str:
        """A day on an axis."""
        return f"{day.month}/{day.day}" if self.chinese else f"{day.day} {_MONTHS[day.month - 1]}"

    def period(self, period: Period) -> str:
        """From to, what is the same said once."""
        begin, end = period.begin, period.end
        if begin == end:
            return self.day(begin)
        if self.chinese:
            tail = f"{end.day}日" if (begin.year, begin.month) == (end.year, end.month) else f"{end.month}月{end.day}日"
            return f"{self.day(begin)} – {tail if begin.year == end.year else self.day(end)}"
        if (begin.year, begin.month) == (end.year, end.month):
            return f"{begin.day} – {self.day(end)}"
        return f"{self.day(begin, year=begin.year != end.year)} – {self.day(end)}"

    def moment(self, wall_ns: int, *, year: bool = False) -> str:
        """Local date and minute."""
        local = datetime.fromtimestamp(wall_ns // NS_PER_S, self.zone)
        return f"{self.day(local.date(), year=year)} {local:%H:%M}"

    # --- names --------------------------------------------------------------------------------------------------------

    def device(self, key: str) -> str:
        """A device, door or other subject."""
        return self.names.devices.get(key, key)

    def category(self, key: str) -> str:
        """A category."""
        return self.names.categories.get(key, key)

    def place(self, labels: Mapping[str, str], subject: str = "") -> str:
        """Where; the subject's name if nobody said where."""
        return place(labels, self.language) or self.device(subject)

    def what(self, step: Step) -> str:
        """As far as a ticket came, and why not further."""
        parts = []
        if step.why in WHYS:
            parts.append(WHYS[step.why].of(self.language))
        if not parts or step.state != "held":
            parts.insert(0, STATES[step.state].of(self.language) if step.state in STATES else step.state)
        if step.cause:
            parts.append(step.cause_title or step.cause)
        return ("：" if self.chinese else ": ").join(parts)
