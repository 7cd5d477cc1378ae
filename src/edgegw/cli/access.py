"""`edgegw access`: import, list and revoke credentials.

Owns: how these look to a person and to a script. Must not know: formats, hashing, SQL.
"""
