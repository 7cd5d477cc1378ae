"""Making profiles: from recorded traffic, from answers, from other systems' profiles."""
