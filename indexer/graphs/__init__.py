"""Graphs from files and catalogues: read, checked row by row, kept as snapshots, and written out again."""
