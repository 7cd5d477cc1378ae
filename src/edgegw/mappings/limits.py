"""What a mapping may cost: sizes and counts, each with its reason.

Owns: the numbers. Must not know: who keeps to them.
"""

MAX_TEXT = 256 * 1024
"""Longest text one template may give, in characters: above any ticket system's description, below what would hurt a small box."""

MAX_BODY = 1024 * 1024
"""Largest request body in bytes: 100 tickets of 10 kB."""

MAX_ANSWER = 1024 * 1024
"""Largest answer read, in bytes: a poll's 100 issues with their texts."""

MAX_RANGE = 1000
"""Longest ``range()`` in a template; no ticket has as many of anything."""

MAX_LOOPS = 2
"""Deepest nesting of loops in one template: tickets, and the steps of each."""

MAX_SETS = 8
"""Most ``{% set %}`` in one template: each may double what the one before made."""

MAX_STEPS = 10
"""Most requests of one operation."""

MAX_LEAVES = 500
"""Most templates in one step's body."""

MAX_DEPTH = 12
"""Deepest nesting of a body, and of what a template may hand over whole."""

MAX_PATH = 2048
"""Longest path of a request, query apart; servers refuse more."""

MAX_SAVED = 4096
"""Longest value kept from an answer, in characters: numbers, links, entity tags."""

MAX_LIST = 1000
"""Most entries of a list kept from an answer: the messages of an issue."""
