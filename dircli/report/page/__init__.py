"""A report on a result as one self-contained page."""
