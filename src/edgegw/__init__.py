"""edgegw: the edge gateway of a smart residential community."""

__version__ = "0.1.0"
