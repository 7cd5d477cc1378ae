"""edgegw.control."""
