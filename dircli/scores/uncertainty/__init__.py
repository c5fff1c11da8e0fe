"""How sure a score is: bootstrap intervals, and paired permutation tests."""
