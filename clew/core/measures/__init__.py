"""Measure the relevance of rankings, and test whether differences between them are significant.

evaluation: nDCG@10, RR@10, R@100, AP by ir-measures. gains: integer gains of grades. qrels: read files of judgements.
runs: write TREC files. judged: queries and qrels in a folder. ndcg: nDCG of one ranking. significance: paired
randomisation test, Holm, bootstrap intervals, non-inferiority.
ir_measures and scipy are imported by the functions that need them, not when this package is imported.
"""

from clew.core.measures.evaluation import MEASURES, Evaluation, evaluate
from clew.core.measures.gains import to_gains
from clew.core.measures.qrels import read_qrels

__all__ = ["MEASURES", "Evaluation", "evaluate", "read_qrels", "to_gains"]
