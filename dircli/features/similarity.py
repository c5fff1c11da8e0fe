"""How alike the feature statistics of bins are (DIR, Fig. 4 and 8), and which bins resemble a far region instead."""

import numpy as np

from dircli.arrays import FloatArray, IntArray

CLEARLY, ALIKE = 0.75, 0.02


def cosines(vectors: FloatArray) -> FloatArray:
    """The cosine similarity of each of ``vectors`` (B, d) with each, (B, B); NaN where one is zero or NaN."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.full_like(vectors, np.nan), where=length > 0)
    return np.asarray(np.clip(unit @ unit.T, -1, 1))


def strangers(cosine: FloatArray, *, reach: int) -> IntArray:
    """For each bin that is nearer to a far region than to its neighbours, that region's centre, (B,); -1 for others.

    ``cosine`` (B, B) is symmetric, NaN where undefined. Neighbours of bin b are the other bins within ``reach`` >= 1
    of it; the region around a defined bin c are the bins within ``reach`` of c, and it is far where |b - c| > 2 ·
    reach. The distance is 1 minus the mean cosine with b, over the bins that are defined. Of many regions the nearest
    is near by chance, too, so b is marked only where that distance is less than three quarters of the distance to its
    neighbours, and these are more than 0.02 away. A bin without a defined neighbour or a far region is not marked.
    """
    size, defined = len(cosine), ~np.isnan(np.diagonal(cosine))
    place = np.arange(size)
    apart = np.abs(place[:, None] - place)
    within = (apart <= reach) & defined  # (centre, bin)
    values = np.where(np.isnan(cosine), 0.0, cosine)
    counts = within.sum(axis=1)
    region = np.divide(values @ within.T, counts, out=np.full((size, size), -np.inf), where=(counts > 0) & defined)
    others = counts - defined
    near = (values * within).sum(axis=1) - values.diagonal()
    near = np.divide(near, others, out=np.full(size, np.inf), where=others > 0)
    far = np.where(apart > 2 * reach, region, -np.inf)
    nearest = far.argmax(axis=1)
    marked = defined & (1 - far[place, nearest] < CLEARLY * (1 - near)) & (1 - near > ALIKE)
    return np.where(marked, nearest, -1).astype(np.int64)
