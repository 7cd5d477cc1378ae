"""Links: the sessions, lines and ports through which devices are reached, each under a supervisor."""
