"""How far a reranker's probabilities can be trusted."""
