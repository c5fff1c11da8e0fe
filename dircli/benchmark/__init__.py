"""What a benchmark is: bins, regions, splits and the rules of both protocols; values and pure functions of arrays."""
