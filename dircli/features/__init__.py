"""Feature distribution smoothing (FDS)."""
