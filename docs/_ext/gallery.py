"""In which order the gallery shows examples."""

from pathlib import Path

FIRST = ("quickstart", "screening", "uncertainty", "active_learning", "transfer")


class ReadingOrder:
    """Sort key of files: what most need comes first, the rest by name."""

    def __init__(self, src_dir):
        pass

    def __call__(self, filename):
        topic = Path(filename).stem.removeprefix("plot_")
        return (FIRST.index(topic) if topic in FIRST else len(FIRST), topic)
