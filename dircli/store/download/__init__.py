"""Downloads that can be trusted: resumed, retried, and held to their hashes."""
