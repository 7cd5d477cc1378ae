"""Benchmarks: every figure is a ratio or a bound measured in one run on one machine.

`python -m bench [NAME…] [--json] [--quick]`; no figure is ever asserted in a timed test.
"""
