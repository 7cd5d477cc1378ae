"""The desk's page: one self-contained HTML file that asks the API every second.

Owns: reading it once. What a person sees is page.html; all text from events is set there as text, never as HTML.
"""

from pathlib import Path

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
