"""Credentials as a list from outside: CSV or JSON becomes rows for the book, with every problem told at once.

Owns: both formats, their bounds, what changes against the book (`diff`).
Must not know: files, the store, who asked.
"""
