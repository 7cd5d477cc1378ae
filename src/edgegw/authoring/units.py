"""Units as people write them to UCUM, which profiles use.

Owns: the table. Must not know: what is measured. Source: UCUM 2.1, the case-sensitive codes.
"""

_SAME = frozenset(
    (  # noqa: SIM905 - reads as a table
        "V mV kV A mA W kW MW W.h kW.h MW.h V.A kV.A var Hz kHz Cel K % Pa kPa MPa hPa bar mbar m cm mm km m3 L mL s ms min h d "
        "kg g t lx lm dB J kJ MJ GJ Ohm kOhm deg ug/m3 mg/m3 L/min L/h m3/h m/s 1"
    ).split()
)

_WRITTEN = {
    "°c": "Cel", "℃": "Cel", "c": "Cel", "degc": "Cel", "celsius": "Cel", "degrees celsius": "Cel", "degree celsius": "Cel",
    "deg c": "Cel", "°f": "[degF]", "degrees fahrenheit": "[degF]", "degf": "[degF]", "%rh": "%", "rh": "%", "percent": "%",
    "percentage": "%", "volt": "V", "volts": "V", "amp": "A", "amps": "A", "ampere": "A", "amperes": "A", "watt": "W",
    "watts": "W", "kilowatt": "kW", "kwh": "kW.h", "wh": "W.h", "mwh": "MW.h", "va": "V.A", "kva": "kV.A", "kvar": "kvar",
    "hertz": "Hz", "hz": "Hz", "m³": "m3", "m^3": "m3", "cubic meters": "m3", "m³/h": "m3/h", "l": "L", "liter": "L",
    "litre": "L", "l/min": "L/min", "lpm": "L/min", "lux": "lx", "ppm": "[ppm]", "ppb": "[ppb]", "µg/m³": "ug/m3",
    "ug/m³": "ug/m3", "second": "s", "seconds": "s", "sec": "s", "minute": "min", "minutes": "min", "hour": "h", "hours": "h",
    "day": "d", "days": "d", "degree": "deg", "degrees": "deg", "rpm": "/min", "ohm": "Ohm", "ohms": "Ohm", "ω": "Ohm",
    "mmhg": "mm[Hg]", "psi": "[psi]", "db": "dB", "dbm": "dB[mW]", "pascal": "Pa", "millibar": "mbar",
}  # fmt: skip
"""Lower case, as found in profiles, data sheets and on displays."""


def ucum(written: str) -> str | None:
    """The UCUM code of a unit, None if the table has none."""
    text = written.strip()
    if text.lower() in _WRITTEN:
        return _WRITTEN[text.lower()]
    return text if text in _SAME or text in _WRITTEN.values() else None
