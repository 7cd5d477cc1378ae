"""Upstreams: delivery by lanes with durable cursors, and one module per kind."""
