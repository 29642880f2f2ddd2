"""Other software, measured beside Clew on the same texts.

Each module is a small program for the interpreter of .venv-peers; it imports nothing of Clew but `protocol`.
`python -m clew.benchmarks.peers` makes that environment.
"""
