"""Labels: reading, scaling, weighting and scoring."""
