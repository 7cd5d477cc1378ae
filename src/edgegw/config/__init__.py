"""edgegw.config."""
