"""dircli: the benchmark and the scorer of Deep Imbalanced Regression.

raw source → records → bins → splits → weights → scores: a reader in `datasets` turns a raw source into records;
`bins` and `splits` make the balanced benchmark, which `store` writes as a manifest; `density` and `weights` turn its
training counts into sample weights; `evaluate` scores predictions by shot region. `pipeline` is that flow on one
page, `cli` its words. Every rule that changes a number is a value in `protocols` or in a dataset's own file.
"""

from __future__ import annotations

__version__ = "0.1.0"
