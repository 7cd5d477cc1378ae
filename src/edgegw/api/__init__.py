"""The local HTTP API: what a person's tool or a local platform sees and does through tokens. Shell."""
