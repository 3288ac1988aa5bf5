"""Speed and memory, and how they grow."""
