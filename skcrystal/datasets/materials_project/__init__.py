"""Download of the Materials Project, resumable."""
