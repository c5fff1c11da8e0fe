"""Feature files in HDF5, Parquet and npy, read and written in blocks."""
