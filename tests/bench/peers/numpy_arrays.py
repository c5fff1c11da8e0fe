"""MAE, MSE and GM by shot region as training scripts write them: a loop over the labels, and lists that grow."""

from __future__ import annotations

import sys

import numpy as np
from scipy.stats import gmean

train, target, prediction = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("train", "target", "prediction"))
seen, labels = np.floor(train), np.floor(target)
errors: dict[str, list[float]] = {"many": [], "medium": [], "few": []}
for label in np.unique(labels):
    count = np.count_nonzero(seen == label)
    of_label = np.abs(prediction[labels == label] - target[labels == label])
    region = "few" if count < 20 else "many" if count > 100 else "medium"
    errors[region].extend(of_label)
errors["all"] = [error for shot in list(errors.values()) for error in shot]
found = {
    region: (np.mean(values), np.mean(np.square(values)), gmean(values)) for region, values in errors.items() if values
}
sys.stdout.write(f"{found['all'][0]} {found['few'][0] if 'few' in found else None}\n")
