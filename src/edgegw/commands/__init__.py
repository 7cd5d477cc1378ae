"""From a request to a definite outcome: rights, admission, ledger, envelopes, the desk."""
