"""One request as a pymodbus call.

Owns: which call, and what its reply holds. Imports pymodbus, so it is imported only where a line is opened.
Must not know: timeouts, connections, which reply is the right one (guard).
"""

from pymodbus.client.base import ModbusBaseClient
from pymodbus.pdu import ModbusPDU

from edgegw.codec.modbus import write_body
from edgegw.links.request import Request


class Write(ModbusPDU):
    """A write request with any value: pymodbus's own knows only FF00 and 0000 for a coil."""

    def __init__(self, request: Request) -> None:
        super().__init__(dev_id=request.unit, address=request.address)
        self.function_code = request.write
        self._body = write_body(request.write, request.address, request.words)

    def encode(self) -> bytes:
        """What follows the function code."""
        return self._body


async def call(client: ModbusBaseClient, request: Request) -> tuple[tuple[int, ...] | None, int]:
    """Words (none for a write), or None and the exception code. Raises ModbusException if there is no answer."""
    reply = await _send(client, request)
    if reply.isError():
        return None, int(reply.exception_code)
    if request.write:
        return (), 0
    if request.table in {"coil", "discrete"}:
        return tuple(int(bit) for bit in reply.bits), 0
    return tuple(reply.registers), 0


async def _send(client: ModbusBaseClient, request: Request) -> ModbusPDU:
    address, count, unit = request.address, request.count, request.unit
    if request.write:
        reply: ModbusPDU = await client.execute(no_response_expected=False, request=Write(request))
        return reply
    if request.table == "coil":
        return await client.read_coils(address, count=count, device_id=unit)
    if request.table == "discrete":
        return await client.read_discrete_inputs(address, count=count, device_id=unit)
    if request.table == "holding":
        return await client.read_holding_registers(address, count=count, device_id=unit)
    return await client.read_input_registers(address, count=count, device_id=unit)
