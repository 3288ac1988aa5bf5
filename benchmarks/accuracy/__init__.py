"""Accuracy on formulas that were not trained on, and on Matbench."""
