"""The composition root: what is built, plugged into what, and in which order it starts and stops."""
