"""Conditions, alarm state machines, presence and the reporting policy: pure decisions from readings and time.

Owns: when an alarm is raised and cleared, when a device counts as offline, which readings become records.
Must not know: how values are decoded, where records are stored, how anything is sent. Start at `engine.RuleEngine`.
"""
