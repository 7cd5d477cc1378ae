"""A configured half-duplex link as the line it is.

Owns: which behaviour stands for which kind. Must not know: what a transaction is, ports, sockets.
"""

from edgegw.codec.line import BEHIND_BAUD, TCP_SILENT_MOST, Line
from edgegw.codec.meter_line import meter_line
from edgegw.codec.wire import Wire
from edgegw.config.schema import MeterLink, ModbusRtuLink, ModbusRtuTcpLink, ModbusTcpLink

ModbusConfig = ModbusRtuLink | ModbusTcpLink | ModbusRtuTcpLink


def line_of(config: ModbusConfig | MeterLink) -> Line:
    """The behaviour of a configured link."""
    if isinstance(config, MeterLink):
        return meter_line(config.baud, config.format, config.gap, config.late)
    if isinstance(config, ModbusTcpLink):
        return Line(Wire(BEHIND_BAUD), rtu=False, gap_s=config.gap, late_s=0.0, reopen_after=TCP_SILENT_MOST)
    wire = Wire(config.baud, config.format, config.gap)
    again = 1 if isinstance(config, ModbusRtuTcpLink) else None
    return Line(wire, rtu=True, gap_s=wire.gap_s, late_s=config.late, reopen_after=again)
