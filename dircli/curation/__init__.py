"""From a raw source to a manifest, and the proof that it is what it says."""
