"""Judged data sets, synthetic texts, and the indexes built of them for benchmarks."""
