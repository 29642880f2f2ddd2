"""Train models on judged queries or click logs, with hard negatives from an index.

The trainers are those of sentence-transformers. Nothing that serves queries imports this package.
"""
