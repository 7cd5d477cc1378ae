"""A ticket desk: a small real service that receives CloudEvents, keeps service tickets, and tells what became of them.

| module | owns |
|---|---|
| `orders` | what an event asks of the desk: pure reading |
| `tickets` | states of tickets, one open ticket per dedup_key, the feed of changes |
| `ledger` | SQLite: events by id, transactions, questions |
| `staff` | simulated people: who does what next, a pure function |
| `service` | HTTP: intake, API, page; the mode in which it is slow, down or refusing |
| `intake` | MQTT: the same events from a broker, answered on a reply topic |
| `outbound` | changes of tickets pushed to the gateway, by HTTP or MQTT |
| `page` | the page a person looks at |
"""
