"""Relevance of named systems on judged data sets."""
