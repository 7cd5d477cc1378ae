"""edgegw.links."""
