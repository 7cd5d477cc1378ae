"""Conditions and alarm state machines: pure decisions from readings and time."""
