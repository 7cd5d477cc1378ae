"""A ticket desk: a small real service that receives CloudEvents and keeps service tickets.

| module | owns |
|---|---|
| `ledger` | SQLite: events by id, tickets by dedup_key; the rules by which events become tickets |
| `service` | HTTP: intake, API, page; the mode in which it is slow, down or refusing |
| `intake` | MQTT: the same events from a broker, answered on a reply topic |
| `page` | the page a person looks at |
"""
