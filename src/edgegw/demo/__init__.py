"""The demonstration: a simulated community, a broker, the gateway and a ticket desk as separate processes, watched live.

Owns: starting and ending these processes, pulling their plugs, the screen, and the honest sums at the end.
Must not know: how any of them works. They are programs with a ready line, a socket and a page; nothing is imported from them.
"""
