"""A line in virtual time: carries out what the policy asks for, units being dead, slow to change, or refusing."""

import random

from edgegw.codec.line import Line
from edgegw.codec.wire import Wire
from edgegw.links.policy import Policy
from edgegw.links.request import Poll, Request, UnitPlan
from edgegw.links.schedule import Schedule
from edgegw.model import OrderLane
from edgegw.ports import Order
from edgegw.profiles.encode import ModbusWrite

S = 1_000_000_000
LINE = Line(Wire(9600), rtu=True, gap_s=Wire(9600).gap_s, late_s=0.2)
TEN = Poll("holding", 0, 10, 1.0)
READBACK = ("coil", 0, 1)


def plan(n, *polls, timeout=0.3):
    return UnitPlan(f"d{n}", n, polls or (TEN,), timeout, 0.0, (Poll(*READBACK, 0.0),))


def write(*, function=5, address=0, words=(0xFF00,), readback=READBACK, expect=(1,), **more):
    table = "coil" if function in {5, 15} else "holding"
    return ModbusWrite(function, table, address, words, readback, expect if readback else (), **more)


class VirtualLine:
    """`dead`: devices that don't answer. `says`: what a read-back of a device shows. `refuses`: exception to writes of a device.

    `log`: (began, request, answered); `outcomes`: (order id, outcome, time) as told.
    """

    def __init__(self, plans, *, line=LINE, dead=(), seed=1):
        self.line = line
        self.now = 0
        self.policy = Policy(Schedule(plans, 0, random.Random(seed).random), line)
        self.policy.opened(0)
        self.dead = set(dead)
        self.says = {}
        self.refuses = {}
        self.log = []
        self.outcomes = []
        self.submitted = {}
        self.deadlines = {}
        self._at = 0  # the present while a transaction is under way
        self.arrivals = []  # (time, order), in order of time
        self.polls = True
        self._number = 0

    def order(self, device, outgoing=None, *, lane=OrderLane.COMMAND, within=5.0, insist=False, at=None):
        """Submit now, or put it down for later (`at`, seconds): it arrives whatever the line does then."""
        self._number += 1
        made = Order(f"o{self._number}", device, outgoing or write(), lane, 0, insist)
        at_ns = self.now if at is None else round(at * S)
        made = Order(made.id, device, made.outgoing, lane, at_ns + round(within * S), insist)
        if at is None:
            self._submit(made, self.now)
        else:
            self.arrivals.append((at_ns, made))
            self.arrivals.sort(key=lambda arrival: arrival[0])
        return made.id

    def _submit(self, order, at_ns):
        self.submitted[order.id] = self._at = at_ns
        self.deadlines[order.id] = order.deadline_ns
        self.policy.submit(
            order, at_ns, lambda outcome: self.outcomes.append((order.id, outcome, max(self._at, self.now)))
        )

    def _arrive(self, until_ns):
        """What happens by itself until then: orders come, and the timers of those there are."""
        while True:
            timers = (self.policy.expires_ns(ticket) for ticket in range(1, self._number + 1))
            times = [at for at in (*timers, *(at for at, _ in self.arrivals[:1])) if at is not None and at <= until_ns]
            if not times:
                return
            self._at = max(self.now, min(times))
            if self.arrivals and self.arrivals[0][0] <= self._at:
                at_ns, order = self.arrivals.pop(0)
                self._submit(order, at_ns)
            self.policy.expire(self._at)

    def outcome(self, id_):
        (found,) = [outcome for one, outcome, _ in self.outcomes if one == id_]
        return found

    def told_at(self, id_):
        (found,) = [at for one, _, at in self.outcomes if one == id_]
        return found / S

    def took(self, request, *, fine):
        timeout_s, turnaround_s = request.timeout_s, request.turnaround_s
        if not fine:
            return self.line.unanswered_s(request.function, request.count, timeout_s, turnaround_s)
        wire_s = self.line.wire.transfer_s(request.function, request.count)
        return wire_s + self.line.hold_s(turnaround_s)

    def step(self, most_ns=1 << 62):
        """One transaction, or a wait. Returns the request."""
        self._arrive(self.now)
        what = self.policy.next(self.now, polls=self.polls)
        if not isinstance(what, Request):
            assert what is None or what > self.now, "it must not ask to be asked again at once"
            times = [most_ns, *([] if what is None else [what]), *(at for at, _ in self.arrivals[:1])]
            self._arrive(min(times) - 1)
            self.now = min(times)
            return None
        began = self.now
        fine = what.device not in self.dead
        end = began + round(self.took(what, fine=fine) * S)
        told = end if fine else began + round(self.line.told_s(what.function, what.count, what.timeout_s) * S)
        self._arrive(told)
        self.now = told
        if not fine:
            self.policy.failed(what, told)
        elif what.write and what.device in self.refuses:
            self.policy.refused(what, told, self.refuses[what.device])
        else:
            said = self.says.get(what.device, (1,))
            self.policy.answered(what, told, said(told / S) if callable(said) else said)
        self._arrive(end)
        self.now = end
        self.log.append((began, what, fine))
        return what

    def until(self, seconds):
        while self.now < seconds * S:
            self.step(round(seconds * S))
        return self

    def settle(self, *ids):
        """Until these have their outcome."""
        for _ in range(10_000):
            if set(ids) <= {one for one, _, _ in self.outcomes}:
                return [self.outcome(one) for one in ids]
            self.step()
        raise AssertionError(f"no outcome for {ids}: {self.outcomes}")

    def of(self, device, since=0.0):
        return [request for at, request, _ in self.log if request.device == device and at >= since * S]
