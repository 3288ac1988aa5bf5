"""Filters, duplicates and outliers."""
