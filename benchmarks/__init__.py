"""Scripts that measure speed, accuracy and more; see README.md."""
