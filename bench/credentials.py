"""Credentials: 100,000 of them imported by the command, and applied by a full synchronisation."""
