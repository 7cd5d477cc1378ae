"""edgegw.upstream."""
