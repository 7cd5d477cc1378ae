"""Upstream: records leave the outbox here, and only when somebody accepted them. See docs/upstream.md."""
