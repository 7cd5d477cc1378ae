"""What a simulated unit answers to the reads of identification, without any line."""

import contextlib
import functools
import struct

from edgegw.codec.modbus import READ_FUNCTIONS
from edgegw.errors import ProfileError
from edgegw.probe.plan import reads
from edgegw.profiles.loader import ProfileLibrary


@functools.cache
def shipped():
    """All shipped profiles that can be used; whether all can is looked at elsewhere (profiles/test_shipped)."""
    library = ProfileLibrary()
    found = {}
    for name in library.names():
        with contextlib.suppress(ProfileError):
            found[name] = library.get(name)
    return found


FEW = ("eastron/sdm120", "eastron/sdm630", "generic/xy-md02", "generic/rs485-level", "waveshare/modbus-rtu-relay-8ch")


def few():
    """Some of them, where the wire's time would be spent on the others."""
    return {name: shipped()[name] for name in FEW}


def answers_of(slave, profiles):
    """Read → words, or the exception's code."""
    return {ask: answer(slave, ask) for ask in reads(profiles)}


def answer(slave, ask):
    pdu = slave.pdu(struct.pack(">BHH", READ_FUNCTIONS[ask.table], ask.address, ask.count))
    if pdu[0] & 0x80:
        return pdu[1]
    if ask.table in {"coil", "discrete"}:
        return tuple(pdu[2 + n // 8] >> n % 8 & 1 for n in range(ask.count))
    return struct.unpack(f">{ask.count}H", pdu[2:])
