"""One result in every format."""
