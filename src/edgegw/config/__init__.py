"""The site file: from text to a plan of what is to run.

Owns: schema, loading with file:line:column, cross checks, secrets, the reference made from the models. Start at `site.open_site`.
Must not know: running parts.
"""
