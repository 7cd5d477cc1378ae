"""Doors at work: what readers and contacts say into `access`, its decisions into commits and commands."""
