"""Who may pass which door when: credentials, schedules, decisions, the door state machine. Pure."""
