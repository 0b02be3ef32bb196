"""Sans-I/O engines of the data and control channels. Time arrives as an argument."""
