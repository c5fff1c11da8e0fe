"""The array types that cross module borders; names for readers, not new behaviour."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
TextArray: TypeAlias = NDArray[np.object_]
AnyArray: TypeAlias = NDArray[Any]
Texts: TypeAlias = Any
"""Texts (n,): a `TextArray`, or what Arrow holds them in, a ``pyarrow.ChunkedArray``."""
