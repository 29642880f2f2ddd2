"""Names and format number of the files of a dense index.

<dense>/vectors.npy   (passages, dim) int16, see `int16`; memory-mapped
<dense>/ann.json      kind, search effort and measured recall
<dense>/signs.npy, factors.npy   RaBitQ codes and factors, if the kind is "rabitq", see `rabitq`; memory-mapped
<dense>/ann.faiss     the FAISS index, if the kind is "hnsw" or "ivf", see `ann`; memory-mapped
<version>/dense.json, moments.npy   count and dim; (dim + 1, dim) int64 sums, see `vector_statistics`
"""

FORMAT = 2
VECTORS = "vectors.npy"
SETTINGS = "ann.json"
CODES, FACTORS = "signs.npy", "factors.npy"
ANN = "ann.faiss"
STATISTICS = "dense.json"
VECTOR_SUMS = "moments.npy"
