"""How good a ranking is, and whether a difference means anything.

evaluation: nDCG@10, RR@10, R@100, AP by ir-measures. gains: grades to integer gains. runs: TREC and BEIR files.
judged: queries and qrels in a folder. significance: paired randomisation test, Holm, bootstrap intervals,
non-inferiority.
ir_measures and scipy are imported when a function needs them, never by importing this package.
"""

from clew.core.measures.evaluation import MEASURES, Evaluation, evaluate
from clew.core.measures.gains import gained
from clew.core.measures.runs import read_beir_qrels

__all__ = ["MEASURES", "Evaluation", "evaluate", "gained", "read_beir_qrels"]
