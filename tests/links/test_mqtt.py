"""The MQTT link without a broker: routing, acknowledgement bound to its connection, backpressure, leftovers."""

from collections.abc import Callable

import pytest

from edgegw.clock import ManualClock
from edgegw.errors import LinkError
from edgegw.links.mqtt import MqttLink, matches, routes
from edgegw.model import Instant, MqttPayload, Raw
from edgegw.mqttio import Incoming, MqttOptions
from edgegw.ports import AckFn
from edgegw.profiles.acks import compile_acks
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary


class FakeSink:
    def __init__(self) -> None:
        self.offered: list[tuple[str, Raw, AckFn | None, int]] = []
        self.full = False
        self.waiting: list[Callable[[], None]] = []

    def offer(self, device: str, raw: Raw, at: Instant, ack: AckFn | None = None, token: int = 0) -> None:
        self.offered.append((device, raw, ack, token))

    def when_room(self, callback: Callable[[], None]) -> None:
        self.waiting.append(callback)

    def silent(self, device: str, reason: str, at: Instant) -> None:
        raise AssertionError("MQTT devices are never asked")

    def link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> None:
        raise AssertionError("the supervisor's business")


class FakeSession:
    def __init__(self) -> None:
        self.acked: list[int] = []
        self.paused = False
        self.published: list[tuple[str, bytes]] = []
        self.gone = False

    def publish(self, topic: str, payload: bytes) -> int:
        if self.gone:
            raise LinkError("not-connected", "publish")
        self.published.append((topic, payload))
        return 1

    def ack(self, mid: int) -> None:
        self.acked.append(mid)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def link(sink: FakeSink) -> MqttLink:
    table = routes([("a", ["t/a", "shared"]), ("b", ["t/b", "shared"])])
    made = MqttLink("broker", MqttOptions("127.0.0.1"), table, sink=sink, clock=ManualClock())
    made._session = FakeSession()  # type: ignore[assignment]  # stands for a connection
    return made


def test_routes_join_devices_that_share_a_topic() -> None:
    assert routes([("a", ["x", "y"]), ("b", ["y"])]) == {"x": ("a",), "y": ("a", "b")}


def test_when_it_came_is_told_only_by_a_clock_that_is_trusted(sink: FakeSink) -> None:
    link = MqttLink("b", MqttOptions("h"), routes([("a", ["t"])]), sink=sink, clock=ManualClock(synced=False))
    link._session = FakeSession()  # type: ignore[assignment]  # stands for a connection
    link._message(Incoming("t", b"1", 1, 1))
    assert sink.offered[0][1] == MqttPayload("t", b"1", received_ns=None)


def test_a_message_goes_to_its_device_with_the_acknowledgement(link: MqttLink, sink: FakeSink) -> None:
    link._message(Incoming("t/a", b"1", 1, 77, retain=True))
    ((device, raw, ack, token),) = sink.offered
    assert (device, raw, token) == ("a", MqttPayload("t/a", b"1", True, ManualClock().now().wall_ns), 77)
    assert link._session.acked == []  # type: ignore[union-attr]
    assert ack is not None
    ack(token)
    assert link._session.acked == [77]  # type: ignore[union-attr]


def test_qos_0_has_nothing_to_acknowledge(link: MqttLink, sink: FakeSink) -> None:
    link._message(Incoming("t/a", b"1", 0, 0))
    assert sink.offered[0][2] is None


def test_a_shared_topic_is_acknowledged_with_its_last_device_only(link: MqttLink, sink: FakeSink) -> None:
    link._message(Incoming("shared", b"1", 1, 5))
    assert [(o[0], o[2] is not None) for o in sink.offered] == [("a", False), ("b", True)]


def test_a_full_pipeline_stops_reading_until_there_is_room(link: MqttLink, sink: FakeSink) -> None:
    sink.full = True
    link._message(Incoming("t/a", b"1", 1, 1))
    assert link._session.paused  # type: ignore[union-attr]
    sink.waiting[0]()
    assert not link._session.paused  # type: ignore[union-attr]


def test_a_leftover_subscription_is_acknowledged_counted_and_told_once(
    link: MqttLink, sink: FakeSink, caplog: pytest.LogCaptureFixture
) -> None:
    for mid in (8, 9):
        link._message(Incoming("old/topic", b"1", 1, mid))
    assert sink.offered == []
    assert link._session.acked == [8, 9]  # type: ignore[union-attr]
    assert link.counts() == (2, 2)
    assert len(caplog.records) == 1


def test_an_acknowledgement_stays_with_the_connection_the_message_came_on(link: MqttLink, sink: FakeSink) -> None:
    """A packet id means something else on the next connection: a late acknowledgement must not go there."""
    old = link._session
    link._message(Incoming("t/a", b"1", 1, 3))
    link._session = FakeSession()  # type: ignore[assignment]
    _, _, ack, token = sink.offered[0]
    assert ack is not None
    ack(token)
    assert old.acked == [3]  # type: ignore[union-attr]
    assert link._session.acked == []


# --- terminals that wait for an acknowledgement of their own

EVENT = "access_device/v2/event/access"
RECORD = '{{"serialNo":"6w8keif5g6","uuid":"{uuid}","time":1,"sign":"","data":[{{"userId":"U001","error":"ALLOW"}}]}}'


@pytest.fixture
def terminal(sink: FakeSink) -> MqttLink:
    profile = ProfileLibrary().get("vguang/vf105")
    compiled = {"gate": compile_profile(profile, "e47"), "yard": compile_profile(profile, "e48")}
    acks = {"gate": compile_acks(profile, "e47"), "yard": compile_acks(profile, "e48")}
    made = MqttLink(
        "broker",
        MqttOptions("127.0.0.1"),
        routes((d, c.topics()) for d, c in compiled.items()),
        sink=sink,
        clock=ManualClock(),
        match=matches(compiled.items()),
        acks={device: ack for device, ack in acks.items() if ack is not None},
    )
    made._session = FakeSession()  # type: ignore[assignment]  # stands for a connection
    return made


def test_a_record_is_acknowledged_to_its_terminal_after_the_commit(terminal: MqttLink, sink: FakeSink) -> None:
    session = terminal._session
    terminal._message(Incoming(EVENT, RECORD.format(uuid="e48").encode(), 1, 9))
    ((device, _, ack, token),) = sink.offered
    assert device == "yard"
    assert session.published == []  # type: ignore[union-attr]
    assert ack is not None
    ack(token)
    answer = b'{"serialNo":"6w8keif5g6","uuid":"e48","code":"000000","time":0,"sign":"","data":{},"message":""}'
    assert session.published == [("access_device/v2/event/e48/access_reply", answer)]  # type: ignore[union-attr]
    assert session.acked == [9]  # type: ignore[union-attr]


def test_a_record_at_qos_0_is_acknowledged_to_its_terminal_too(terminal: MqttLink, sink: FakeSink) -> None:
    terminal._message(Incoming(EVENT, RECORD.format(uuid="e47").encode(), 0, 0))
    _, _, ack, token = sink.offered[0]
    assert ack is not None
    ack(token)
    assert len(terminal._session.published) == 1  # type: ignore[union-attr]
    assert terminal._session.acked == []  # type: ignore[union-attr]


def test_where_the_connection_is_gone_the_terminal_will_send_again(terminal: MqttLink, sink: FakeSink) -> None:
    terminal._message(Incoming(EVENT, RECORD.format(uuid="e47").encode(), 1, 3))
    terminal._session.gone = True  # type: ignore[union-attr]
    _, _, ack, token = sink.offered[0]
    assert ack is not None
    ack(token)
    assert terminal.errors == {"unanswered": 1}


def test_a_strange_terminal_gets_no_acknowledgement_and_keeps_its_record(terminal: MqttLink, sink: FakeSink) -> None:
    terminal._message(Incoming(EVENT, RECORD.format(uuid="e99").encode(), 1, 3))
    assert sink.offered == []
    assert terminal._session.published == []  # type: ignore[union-attr]
    assert terminal._session.acked == [3]  # type: ignore[union-attr]
    assert terminal.errors == {"unrouted": 1}


def test_a_request_for_a_decision_is_not_among_the_kept_topics(terminal: MqttLink, sink: FakeSink) -> None:
    terminal._message(Incoming("access_device/v2/event/access_online", b'{"uuid":"e47","serialNo":"1"}', 1, 3))
    assert sink.offered == []
