"""Benchmarks whose labels are maps: training pixels counted, test pixels chosen."""
