"""edgegw.cli."""
