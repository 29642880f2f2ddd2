"""Learn an index's parameters from judged queries, and publish them in a release.

The parameters are the fusion weights, the graph's relations and gate, and the reranker's calibration. `clew.search`
uses them; it needs nothing from this package to answer a query.
"""
