"""Parsing of crystal files, in parallel and cached."""
