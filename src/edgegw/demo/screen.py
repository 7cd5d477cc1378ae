"""The live screen: a `View` drawn with rich.

Owns: layout, colours, what is left out on a small terminal.
Must not know: where a view comes from. Imported only when a person looks; rich costs a tenth of a second.
"""

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edgegw.demo.figures import Response
from edgegw.demo.observer import Seen
from edgegw.demo.view import LANES, Ticket, View
from edgegw.demo.words import Words

STATE_STYLE = {
    "online": "green",
    "offline": "bold red",
    "unknown": "dim",
    "up": "green",
    "down": "bold red",
    "unplugged": "bold yellow",
    "starting": "yellow",
}
PRIORITY_STYLE = {"P1": "bold white on red", "P2": "bold red", "P3": "yellow", "P4": "cyan"}

PLUGS = (
    ("b", "broker off/on"),
    ("d", "desk off/on"),
    ("g", "kill -9 the gateway"),
    ("m", "silence a meter"),
    ("l", "water leak"),
    ("q", "quit"),
)
"""Keys and what they do, as hints."""

ENDED = frozenset({"closed", "rejected", "merged"})
"""States of tickets that nobody works on any more."""

OLD_S = 30.0
"""A reading older than this is shown dim: no device of the demo is asked less often."""

NARROW = 110
"""Columns below which places are left out of the device table."""

WIDE = 132
"""Columns in which all hints stand on one line."""

SHORT = 32
"""Lines below which the links' box is left out; the device table shows links too."""

HEADER_LINES = 4
NUMBERS_LINES = 7
FOOTER_LINES = 5


def draw(view: View, words: Words, *, width: int, height: int) -> RenderableType:
    """The whole screen for a terminal of this size, in cells."""
    small = width < NARROW or height < SHORT
    numbers = NUMBERS_LINES if small else max(NUMBERS_LINES, len(view.links) + 3)
    footer = FOOTER_LINES if width >= WIDE else FOOTER_LINES + 1  # the hints take two lines there
    layout = Layout()
    layout.split_column(
        Layout(_header(view, words), size=HEADER_LINES),
        Layout(name="middle", ratio=1),
        Layout(name="numbers", size=numbers),
        Layout(_footer(view, words), size=footer),
    )
    room = max(3, height - HEADER_LINES - numbers - footer)
    right = Layout()
    alarm_room = max(4, min(len(view.alarms) + 2, room // 2)) if room >= 8 else room // 2
    right.split_column(
        Layout(_alarms(view, words, alarm_room - 2), size=alarm_room),
        Layout(_tickets(view, words, room - alarm_room - 2), ratio=1),
    )
    layout["middle"].split_row(
        Layout(_devices(view, words, room - 3, places=width >= NARROW), ratio=11), Layout(right, ratio=9)
    )
    boxes = [Layout(_responses(view, words), ratio=8), Layout(_buffer(view, words), ratio=7)]
    layout["numbers"].split_row(*boxes if small else [Layout(_links(view, words), ratio=7), *boxes])
    return layout


def _header(view: View, words: Words) -> RenderableType:
    title = Text("edgegw demo", "bold", no_wrap=True, overflow="ellipsis")
    title.append(f"  {words('A residential community, its gateway and its ticket desk')}", "none")
    title.append(f"   {words('running')} {clock(view.elapsed_s)}", "dim")
    where = Text(no_wrap=True, overflow="ellipsis")
    for name, address in view.addresses:
        line = where if address.startswith("http") else title
        line.append("   " if line.plain else "").append(f"{words(name)} ", "dim").append(address, "underline cyan")
    return Panel(Group(title, where), border_style="blue", padding=(0, 1))


def _devices(view: View, words: Words, room: int, *, places: bool) -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1), show_header=True, header_style="dim")
    table.add_column(words("device"), ratio=5, no_wrap=True)
    if places:
        table.add_column(words("place"), ratio=4, no_wrap=True)
    table.add_column(words("state"), width=7, no_wrap=True)
    table.add_column(words("last reading"), ratio=7, no_wrap=True)
    table.add_column(words("age"), width=5, justify="right", no_wrap=True)
    shown = 0
    cells: list[RenderableType]
    links = {link.name: link for link in view.links}
    for name in dict.fromkeys(device.link for device in view.devices):
        if shown >= room:
            break
        link = links.get(name)
        mark = Text("● ", "green" if link and link.up else "bold red")
        mark.append(name, "bold")
        cells = [mark, *([""] if places else []), "", Text(link.kind if link else "", "dim"), ""]
        table.add_row(*cells)
        shown += 1
        for device in [d for d in view.devices if d.link == name][: room - shown]:
            cells = [Text(f"  {device.name}", "" if device.state != "offline" else "red")]
            if places:
                cells.append(Text(device.place, "dim"))
            state = Text(words(device.state), STATE_STYLE.get(device.state, ""))
            table.add_row(*cells, state, _values(device, view.now_s), _age(device, view.now_s))
            shown += 1
    return Panel(table, title=f"{words('device')} {len(view.devices)}", border_style="blue", padding=0)


def _values(device: Seen, now_s: float) -> Text:
    old = device.at_s is None or now_s - device.at_s > OLD_S or device.state == "offline"
    text = Text(no_wrap=True, overflow="ellipsis", style="dim" if old else "")
    for point, value in list(device.values.items())[:6]:
        text.append(f"{point} ", "dim").append(f"{value}  ")
    return text


def _age(device: Seen, now_s: float) -> Text:
    return Text("—", "dim") if device.at_s is None else Text(ago(now_s - device.at_s), "dim")


def _alarms(view: View, words: Words, room: int) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(width=4)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True)
    table.add_column(justify="right", width=5)
    for alarm in sorted(view.alarms, key=lambda a: (a.priority, -a.since_s))[: max(0, room)]:
        text = Text(alarm.title, no_wrap=True, overflow="ellipsis")
        if alarm.place and alarm.place not in alarm.title:
            text.append(f"  {alarm.place}", "dim")
        ticket = ticket_of(view, alarm.key)
        table.add_row(
            Text(f" {alarm.priority} ", PRIORITY_STYLE.get(alarm.priority, "")),
            text,
            Text(f"→ #{ticket.number}", "bold") if ticket else Text(""),
            Text(ago(view.now_s - alarm.since_s), "dim"),
        )
    body: RenderableType = table if view.alarms else Text(f" {words('no alarm')}", "green")
    style = "red" if view.alarms else "blue"
    return Panel(body, title=f"{words('active alarms')} {len(view.alarms)}", border_style=style, padding=0)


def ticket_of(view: View, key: str) -> Ticket | None:
    """The ticket that an alarm has now: the latest under its key that is not over."""
    return next((t for t in view.tickets if t.key == key and t.state not in ENDED), None)


def _tickets(view: View, words: Words, room: int) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(width=4)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for ticket in sorted(view.tickets, key=lambda t: t.state != "open")[: max(0, room)]:  # stable: else newest first
        is_open = ticket.state == "open"
        text = Text(ticket.title, "bold" if is_open else "dim", no_wrap=True, overflow="ellipsis")
        text.append(f" +{ticket.behind}" if ticket.behind else "", "bold cyan")
        if ticket.place and ticket.place not in ticket.title:
            text.append(f"  {ticket.place}", "dim")
        left, style = running(ticket, view.wall_s)
        table.add_row(
            Text(f"#{ticket.number}", "dim"),
            Text(f" {ticket.priority} ", PRIORITY_STYLE.get(ticket.priority, "") if is_open else "dim"),
            text,
            Text(words(stage_of(ticket)), "bold yellow" if is_open else "dim" if ticket.state in ENDED else "green"),
            Text(left, style),
        )
    body: RenderableType = table if view.tickets else Text(f" {words('no ticket yet')}", "dim")
    sums = {"opened": view.opened, "acknowledged": view.acknowledged, "closed": view.closed, "missed": view.missed}
    title = " · ".join([words("tickets"), *(f"{words(name)} {figure}" for name, figure in sums.items())])
    return Panel(body, title=title, border_style="red" if view.missed else "blue", padding=0)


def stage_of(ticket: Ticket) -> str:
    """How far a ticket is, in a word: new, acknowledged, assigned; recovered, solved; closed, rejected, merged."""
    if not ticket.progress or ticket.state in ENDED:
        return ticket.state
    if ticket.state == "open":
        return "new" if ticket.progress == "opened" else ticket.progress
    return "solved" if ticket.progress == "resolved" else "recovered"


def running(ticket: Ticket, wall_s: float) -> tuple[str, str]:
    """A ticket's clock and its style: what is left to acknowledge or to resolve it, ``!`` and by how much it is late; how long
    it took once it is over; nothing where the desk tells no times."""
    if ticket.closed_s is not None and ticket.opened_s is not None:
        return clock(max(0.0, ticket.closed_s - ticket.opened_s)), "dim"
    due_s = ticket.respond_by_s if ticket.progress == "opened" else ticket.resolve_by_s
    if ticket.state != "open" or due_s is None:
        return "", "dim"
    left_s = due_s - wall_s
    return (clock(left_s), "") if left_s >= 0 else (f"!{clock(-left_s)}", "bold red")


def _links(view: View, words: Words) -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(words("link"), no_wrap=True)
    for name in ("messages", "readings", "/s"):
        table.add_column(words(name), justify="right", no_wrap=True)
    for link in view.links:
        mark = Text("● ", "green" if link.up else "bold red").append(link.name, "none" if link.up else "bold red")
        table.add_row(mark, str(link.messages), str(link.readings), f"{link.rate:.1f}")
    return Panel(table, title=words("link"), border_style="blue", padding=0)


def _responses(view: View, words: Words) -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(words("response"), no_wrap=True)
    for name in ("count", "p50", "p99", "max"):
        table.add_column(words(name), justify="right", no_wrap=True)
    for path, response in view.responses.items():
        table.add_row(
            words(path),
            str(response.count),
            *(millis(v) for v in (response.p50_ms, response.p99_ms)),
            _longest(response),
        )
    lines = Text()
    for name, value in (("raised", view.raised), ("cleared", view.cleared)):
        lines.append(f" {words(name)} ", "dim").append(f"{value}  ", "bold")
    return Panel(Group(table, Text(), lines), title=words("response"), border_style="blue", padding=0)


def _longest(response: Response) -> Text:
    late = response.max_ms is not None and response.max_ms > 5000  # the customer's target for devices
    return Text(millis(response.max_ms), "bold yellow" if late else "")


def _buffer(view: View, words: Words) -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(words("buffer"), no_wrap=True)
    for lane in LANES:
        table.add_column(words(lane), justify="right", no_wrap=True)
    for upstream, lanes in view.depth.items():
        cells = [Text(str(lanes.get(lane, 0)), "bold yellow" if lanes.get(lane, 0) else "dim") for lane in LANES]
        table.add_row(words(upstream), *cells)
    sums = Text()
    for name, value in (("committed", view.committed), ("accepted", view.accepted)):
        sums.append(f" {words(name)} ", "dim").append(f"{value}  ", "bold")
    sums.append(f"{view.rate:.1f}/{words('s')}", "dim")
    return Panel(Group(table, Text(), sums), title=words("buffer"), border_style="blue", padding=0)


def _footer(view: View, words: Words) -> RenderableType:
    processes = Text(" ")
    for process in view.processes:
        processes.append("● ", STATE_STYLE.get(process.state, "")).append(words(process.name), "bold")
        processes.append(f" {words(process.state)}", STATE_STYLE.get(process.state, ""))
        processes.append(f" pid {process.pid}" if process.pid and process.state == "up" else "", "dim")
        processes.append(f" ↻{process.restarts}" if process.restarts else "", "yellow").append("   ")
    keys = Text(f" {words('pull a plug')}: ", "bold")
    for key, what in PLUGS:
        keys.append(f" {key} ", "bold black on white").append(f" {words(what)}   ")
    news = Text()
    for at_s, text in view.notices[-2:]:
        news.append(f" {clock(at_s)} ", "dim").append(f"{text}   ")
    return Panel(Group(processes, keys, news), border_style="blue", padding=0)


def millis(value: float | None) -> str:
    """``4.2 ms``, ``1.3 s``, short enough for a narrow column."""
    if value is None:
        return "—"
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def ago(seconds: float) -> str:
    """``4s``, ``3m``, ``2h``."""
    if seconds < 100:
        return f"{max(0, int(seconds))}s"
    return f"{int(seconds // 60)}m" if seconds < 6000 else f"{int(seconds // 3600)}h"


def clock(seconds: float) -> str:
    """``0:42``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
