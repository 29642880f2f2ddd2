"""Graphs from files and catalogues: read them, check each row, store them as snapshots, and export them."""
