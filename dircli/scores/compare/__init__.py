"""Results against each other: conditions for CI, leaderboards, the paper's tables, seeds."""
