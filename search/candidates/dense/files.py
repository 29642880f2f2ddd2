"""What lies in the folders of a dense index.

<dense>/vectors.npy   (passages, dim) int16, see fixed; mapped into memory
<dense>/ann.json      kind, search effort and measured recall
<dense>/signs.npy, factors.npy   where the kind is rabitq, see signs; mapped into memory
<dense>/ann.faiss     where it is one of FAISS, see ann; mapped into memory
<version>/dense.json, moments.npy   count and width; (dim + 1, dim) int64, see moments
"""

VECTORS = "vectors.npy"
SETTINGS = "ann.json"
SIGNS, FACTORS = "signs.npy", "factors.npy"
ANN = "ann.faiss"
STATISTICS = "dense.json"
MOMENTS = "moments.npy"
