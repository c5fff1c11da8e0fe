"""Every metric, and the sums and ranks they are made of."""
