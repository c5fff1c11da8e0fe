"""Training rows of tables resampled: SMOTER, SMOGN, Gaussian noise, and random over- and under-sampling."""
