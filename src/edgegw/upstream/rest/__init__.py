"""Upstream kind `rest`: tickets in an existing ticket system, by a mapping (edgegw.mappings)."""
