"""YAML text to plain data that remembers where everything stood.

Owns: reading one YAML document safely (`parse`), the position of every key and value, which of YAML's spellings are refused
because they surprise, laying documents over each other, and turning pydantic's errors into ``file:line:column: message`` lines.
Must not know: any schema, where a text came from, what is done with the data.
"""

from edgegw.yamlpos.document import MAX_BYTES, MAX_DEPTH, MAX_NODES, Document, Problem, parse, render
from edgegw.yamlpos.layers import Fault, Layers, merged

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Document",
    "Fault",
    "Layers",
    "Problem",
    "merged",
    "parse",
    "render",
]
