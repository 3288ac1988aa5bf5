"""Campaigns: labelling, training and a journal that survives a crash."""
