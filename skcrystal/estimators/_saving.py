"""Models in files that hold no code."""


class Saving:
    """What all fitted estimators can do; mixed into them."""
