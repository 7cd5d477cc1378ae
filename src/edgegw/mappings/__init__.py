"""Mappings: what an existing ticket system is asked, as data (YAML), and the pure half of working by them.

Owns: their schema, loading with file:line:column errors, templates in a sandbox, requests as values, answers' meaning.
Must not know: sockets, time, retries, the outbox, the site file.
"""
