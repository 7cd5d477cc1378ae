"""Device profiles: their schema, their loading, and decoding by them."""
