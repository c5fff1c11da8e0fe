"""Score two arrays by the shot regions of training targets, with every usual metric."""

from __future__ import annotations

import sys

import numpy as np

import dircli

train, target, prediction = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("train", "target", "prediction"))
scores = dircli.evaluate(target, prediction, train=train)
sys.stdout.write(f"{scores['all']['mae']} {scores['few']['mae']}\n")
