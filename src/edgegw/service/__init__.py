"""From alarm to service ticket: what it is worth, whether it gets a ticket, what became of it. Pure."""
