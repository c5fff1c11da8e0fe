"""The edges: raw files in, manifests and predictions in and out."""
