"""Make models: examples from judgements or clicks, hard negatives from a published index, training by
sentence-transformers' trainers, and the checks that decide whether the result is kept.

Nothing that serves imports this package.
"""
