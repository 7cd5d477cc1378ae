"""Keeps the table of docs/metrics.md equal to the catalogue: ``python -m edgegw.control.page docs/metrics.md``.

Owns: the markers between which the table stands.
Must not know: what is in the table (catalogue).
"""

import sys
from pathlib import Path

from edgegw.control.catalogue import markdown

PAGE = "docs/metrics.md"
BEGIN = "<!-- catalogue: begin (generated; see src/edgegw/control/page.py) -->\n"
END = "<!-- catalogue: end -->\n"


def with_table(text: str) -> str:
    """The page's text with the present table.

    Raises:
        ValueError: the markers are missing.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page lacks its markers")
    return f"{head}{BEGIN}\n{markdown()}\n{END}{tail}"


def main(path: Path) -> None:
    """Rewrite the page in place."""
    path.write_text(with_table(path.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
