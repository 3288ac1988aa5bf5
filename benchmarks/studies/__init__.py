"""Studies, each of one question."""
