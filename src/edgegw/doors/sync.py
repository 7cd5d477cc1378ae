"""Credentials from upstream: pages over HTTP, each staged durably, all applied at once.

Owns: the protocol (docs/doors.md), resuming, back-off, when it asks again.
Must not know: SQL, the site file, alarms' words.
"""
