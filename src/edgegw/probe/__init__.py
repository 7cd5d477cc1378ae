"""Finding devices: who is on a line or a broker, and which profile fits, with reasons.

Owns: what is asked in which order (plan), what the answers speak for (identify*), the entries of a site file (adding), and the
I/O that only reads (modbus, meters, topics).
Must not know: running gateways, stores, upstreams; how anything is printed (cli).

Nothing here writes to a device: of Modbus only functions 1 to 4 are sent, of meters only reads, to a broker only subscriptions.
"""
