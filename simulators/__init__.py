"""Simulated devices, community, broker and ticket desk, for tests, benchmarks and the demo. Never part of a gateway."""
