"""Listings: which of the documents that match a search are shown, and in what order."""
