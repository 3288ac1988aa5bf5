"""Query strategies and what they compute."""
