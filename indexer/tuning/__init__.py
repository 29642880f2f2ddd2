"""Learn an index's parameters from judged queries, and publish them in a release.

Fusion weights, the graph's relations and gate, and the reranker's calibration. What a search does with them is in
`clew.search`; nothing here is needed to answer a query.
"""
