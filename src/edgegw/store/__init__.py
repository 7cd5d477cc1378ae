"""edgegw.store."""
