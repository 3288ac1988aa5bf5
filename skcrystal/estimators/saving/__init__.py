"""Saving fitted estimators without pickle."""
