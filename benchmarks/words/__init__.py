"""Measure how Chinese is cut into index terms."""
