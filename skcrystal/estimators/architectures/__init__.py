"""A regressor and a classifier of each network."""
