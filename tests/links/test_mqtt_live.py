"""The live half without a broker: what is dropped, whose answer it is, what an answer says, how an order ends."""

import asyncio

import pytest

from edgegw.clock import ManualClock
from edgegw.errors import LinkError
from edgegw.links.mqtt_live import MARGIN_NS, ORDERS_MOST, MqttLive, live_options
from edgegw.model import MqttPayload, OrderLane, Outcome, OutcomeStatus
from edgegw.mqttio import Incoming, MqttOptions, Will, wire
from edgegw.ports import Order
from edgegw.profiles.encode import Expect, ModbusWrite, MqttPublish, MqttReply

S = 1_000_000_000
REPLY = MqttReply("edgegw-a/rpc", id_path="id", id="7", ok_path="result", error_path="error.message")
NAMED = MqttReply("edgegw-a/rpc", "id", "7", "result", device_path="src", device="shelly-a")
CODE = MqttReply("cmd/reply", id_path="serialNo", id="7", ok_path="code", ok_equals="000000", error_path="message")


class FakeSession:
    def __init__(self):
        self.connected = True
        self.published = []
        self.fails = None

    def publish(self, topic, payload, *, qos=1, retain=False, properties=None):
        if self.fails:
            raise LinkError(self.fails)
        self.published.append((topic, payload, qos, retain, properties))
        return len(self.published) if qos else 0


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def live(sink, clock):
    made = MqttLive(
        "broker.live",
        MqttOptions("127.0.0.1"),
        {"ask": ("a", "b")},
        ["edgegw-a/rpc", "cmd/reply"],
        sink=sink,
        clock=clock,
    )
    made._session = FakeSession()
    return made


def order(outgoing, *, seconds=5.0):
    return Order("c1", "a", outgoing, OrderLane.COMMAND, round(seconds * S))


def publish(reply=None, *, qos=0, expect=None):
    return MqttPublish("a/rpc", b"{}", qos, reply, expect)


async def carried(live, outgoing, *then):
    """The outcome of an order, `then` being done once it is published."""
    task = asyncio.create_task(live.carry_out(order(outgoing)))
    while not live._session.published:
        await asyncio.sleep(0)
    for act in then:
        act()
    return await task


def said(live, topic, payload):
    return lambda: live._message(Incoming(topic, payload, 0, 0))


async def test_a_live_message_goes_to_its_devices_without_acknowledgement(live, sink, clock):
    live._message(Incoming("ask", b"1", 1, 5))
    assert sink.of("a") == sink.of("b") == [MqttPayload("ask", b"1", received_ns=clock.now().wall_ns)]


async def test_a_retained_one_never_does(live, sink):
    live._message(Incoming("ask", b"1", 1, 5, retain=True))
    live._message(Incoming("edgegw-a/rpc", b'{"id":7,"result":{}}', 0, 0, retain=True))
    assert sink.offered == []
    assert live.dropped == {"retained": 2}


async def test_while_the_pipeline_is_full_it_is_dropped_but_answers_are_read(live, sink):
    sink.is_full = True
    live._message(Incoming("ask", b"1", 1, 5))
    assert sink.offered == []
    assert live.dropped == {"full": 1}
    assert await carried(live, publish(REPLY), said(live, REPLY.topic, b'{"id":7,"result":{}}')) == Outcome(
        OutcomeStatus.DONE
    )


@pytest.mark.parametrize(
    ("reply", "payload", "status", "detail"),
    [
        (REPLY, b'{"id":7,"result":{"was_on":false}}', "done", ""),
        (REPLY, b'{"id":"7","result":{}}', "done", ""),
        (REPLY, b'{"id":7,"error":{"code":-103,"message":"no such component"}}', "failed", "no such component"),
        (REPLY, b'{"id":7,"result":null}', "failed", "result is None"),
        (CODE, b'{"serialNo":"7","code":"000000","message":"success"}', "done", ""),
        (CODE, b'{"serialNo":"7","code":"100000","message":"busy"}', "failed", "busy"),
        (CODE, b'{"serialNo":"7"}', "failed", "code is None"),
        (MqttReply("cmd/reply"), b"anything", "done", ""),
        (MqttReply("cmd/reply", error_path="error"), b"{}", "done", ""),
        (MqttReply("cmd/reply", error_path="error"), b'{"error":{"code":1}}', "failed", "an error"),
    ],
)
async def test_what_an_answer_says(live, reply, payload, status, detail):
    outcome = await carried(live, publish(reply), said(live, reply.topic, payload))
    reason = "device-refused" if status == "failed" else ""
    assert (outcome.status, outcome.reason, outcome.detail) == (status, reason, detail)
    assert live._waiting == {}


@pytest.mark.parametrize("payload", [b'{"id":8,"result":{}}', b"{}", b"[]", b"garbage", b""])
async def test_somebody_else_s_answer_is_nobody_s(live, payload):
    outcome = await carried(
        live, publish(REPLY), said(live, REPLY.topic, payload), said(live, REPLY.topic, b'{"id":7,"result":1}')
    )
    assert outcome.status == "done"
    assert live.unexpected == 1


@pytest.mark.parametrize(
    "payload",
    [b'{"id":7,"src":"shelly-b","result":{}}', b'{"id":7,"result":{}}', b'{"id":6,"src":"shelly-a","result":{}}'],
)
async def test_an_answer_is_its_device_s_by_name_and_number(live, payload):
    right = b'{"id":7,"src":"shelly-a","dst":"edgegw-a","result":{"was_on":false}}'
    outcome = await carried(live, publish(NAMED), said(live, NAMED.topic, payload), said(live, NAMED.topic, right))
    assert outcome.status == "done"
    assert live.unexpected == 1


async def test_the_second_of_two_answers_is_nobody_s(live):
    answer = said(live, REPLY.topic, b'{"id":7,"result":1}')
    await carried(live, publish(REPLY), answer, answer)
    assert live.unexpected == 1


async def test_it_is_never_retained_and_expires_with_the_deadline(live):
    await live.carry_out(order(publish(), seconds=4.5))
    ((topic, payload, qos, retain, properties),) = live._session.published
    assert (topic, payload, qos, retain) == ("a/rpc", b"{}", 0, False)
    assert properties == wire.expiry_property(4)


async def test_the_shortest_expiry_is_a_second(live):
    await live.carry_out(order(publish(), seconds=0.5))
    assert live._session.published[0][4] == wire.expiry_property(1)


async def test_what_a_point_confirms_is_sent_at_once(live):
    for qos in (0, 1):
        outcome = await live.carry_out(order(publish(qos=qos, expect=Expect("on", True, 1.0))))
        assert (outcome.status, outcome.reason) == ("done", "sent")


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [(0, "done", ""), (0x10, "failed", "device-down"), (0x87, "failed", "refused")],
)
async def test_the_broker_s_word(live, code, status, reason):
    outcome = await carried(live, publish(qos=1), lambda: live._puback(1, code))
    assert (outcome.status, outcome.reason) == (status, reason)
    assert live._pubacks == {}


async def test_the_broker_s_word_is_not_the_device_s(live):
    outcome = await carried(
        live, publish(REPLY, qos=1), lambda: live._puback(1, 0), said(live, REPLY.topic, b'{"id":7,"result":1}')
    )
    assert (outcome.status, outcome.detail) == ("done", "")
    live._session.published.clear()
    outcome = await carried(live, publish(REPLY, qos=1), lambda: live._puback(1, 0x10))
    assert outcome.reason == "device-down"


async def test_no_answer_is_unknown_before_the_deadline(live):
    outcome = await live.carry_out(order(publish(REPLY), seconds=(MARGIN_NS + 1) / S))
    assert (outcome.status, outcome.reason) == ("unknown", "no-answer")
    assert live._waiting == {}


async def test_the_connection_lost_while_waiting_is_unknown(live):
    assert (await carried(live, publish(REPLY), live._lost)).reason == "link-lost"


async def test_without_time_nothing_is_sent(live, clock):
    clock.advance(5.0)
    outcome = await live.carry_out(order(publish()))
    assert (outcome.status, outcome.reason) == ("expired", "deadline")
    assert live._session.published == []


@pytest.mark.parametrize(("fault", "reason"), [("not-connected", "link-down"), ("window-full", "busy")])
async def test_what_cannot_be_published_failed(live, fault, reason):
    live._session.fails = fault
    outcome = await live.carry_out(order(publish(REPLY)))
    assert (outcome.status, outcome.reason) == ("failed", reason)
    assert live._waiting == {}


async def test_without_a_connection_it_failed_and_says_so_before(live):
    assert live.down("a") is None
    live._session = None
    assert live.down("a") == "link-down"
    assert (await live.carry_out(order(publish()))).reason == "link-down"


async def test_orders_are_bounded(live):
    tasks = [asyncio.create_task(live.carry_out(order(publish(REPLY)))) for _ in range(ORDERS_MOST)]
    while len(live._session.published) < ORDERS_MOST:
        await asyncio.sleep(0)
    outcome = await live.carry_out(order(publish()))
    assert (outcome.status, outcome.reason) == ("failed", "busy")
    live._lost()
    assert {(await task).reason for task in tasks} == {"link-lost"}
    assert (await live.carry_out(order(publish()))).status == "done"


async def test_a_cancelled_caller_leaves_nothing_behind(live):
    task = asyncio.create_task(live.carry_out(order(publish(REPLY, qos=1))))
    while not live._session.published:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (live._waiting, live._pubacks, live._in_flight) == ({}, {}, 0)


async def test_another_link_s_order_is_a_mistake_of_ours(live):
    with pytest.raises(TypeError):
        await live.carry_out(order(ModbusWrite(5, "coil", 0, (0xFF00,))))


def test_the_broker_keeps_nothing_for_the_live_half():
    kept = MqttOptions("h", client_id="edgegw-g-b", clean=False, session_expiry_s=60, will=Will("t", b"x"))
    made = live_options(kept)
    assert (made.client_id, made.clean, made.session_expiry_s) == ("edgegw-g-b-live", True, 0)
    assert (made.will, made.auto_ack) == (None, True)
