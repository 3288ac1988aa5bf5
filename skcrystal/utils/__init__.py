"""Helpers shared by the package."""
