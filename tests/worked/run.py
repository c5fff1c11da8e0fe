"""STS-B-DIR from the raw files to the scores: ten ways to train a small model, with what `dir` brings for it.

``python tests/worked/run.py --out runs`` curates the benchmark (``--raw`` and ``--released`` as for `dir curate`, which
downloads what is not given), trains each system with three seeds on one thread, and leaves in ``runs`` the predictions
of test, their scores, the tests against the baselines, and pictures. ``--quick`` is two epochs and one seed.

The model sees a bag of hashed words and letter groups of each sentence, and nothing is pretrained. Of its epochs the
one with the least MSE on val is kept; test is predicted once, at the end.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dircli.torch import FDS, WeightedSampler, retrain_head, weighted_focal_mse, weighted_mse
from dircli.weights.read import training_weights

SEEDS, EPOCHS = (1, 2, 3), 20
BUCKETS, DIM, DROPOUT = 16384, 128, 0.6
BATCH, RATE, DECAY = 64, 3e-3, 0.01
FOCUS = 4.0
"""Focal-R's beta per point of 0..5; the released 20 is for targets that were divided by 5."""
RARE = "0:1,1:1,2:0,4:0,4.5:1,5:1"
"""Relevance for SMOTER and SMOGN: both ends of the scale are rare."""
SYSTEMS = (
    *("VANILLA", "SQINV", "SQINV+LDS", "SQINV+FDS", "SQINV+LDS+FDS", "FOCAL-R"),
    *("HEAD", "RRT", "SMOTER", "SMOGN"),
)
"""HEAD and what follows it are new heads on the encoder of VANILLA; HEAD is trained on the rows as they are."""
BASELINES = {
    "VANILLA": ("SQINV", "SQINV+LDS", "SQINV+FDS", "SQINV+LDS+FDS", "FOCAL-R"),
    "SQINV": ("SQINV+LDS", "SQINV+FDS", "SQINV+LDS+FDS"),
    "HEAD": ("RRT", "SMOTER", "SMOGN"),
}
"""What is compared with which system, seed by seed."""
METRICS = "mse,mae,gm,pearson"


@dataclass(frozen=True)
class Rows:
    """Inputs ``x`` (n, …) with targets ``y`` (n,)."""

    x: Tensor
    y: Tensor


class Encoder(nn.Module):  # type: ignore[misc]  # types are checked with and without PyTorch
    """Two sentences as bags of tokens (n, 2, L), 0 where there is none, to the features (n, DIM) of the pair.

    They end in tanh: the released FDS leaves a bin as it is where one feature never varies in it, as after a ReLU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(BUCKETS, DIM, mode="mean", padding_idx=0)
        self.mix = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(2 * DIM, DIM), nn.Tanh())

    def forward(self, tokens: Tensor) -> Tensor:
        """The features (n, DIM)."""
        tokens = tokens[:, :, : int((tokens > 0).sum(dim=2).max())]
        one, two = (nn.functional.normalize(self.bag(tokens[:, side])) * DIM**0.5 for side in (0, 1))
        return self.mix(torch.cat([(one - two).abs(), one * two], dim=1))


class Model(nn.Module):  # type: ignore[misc]  # as above
    """An encoder, by choice FDS, and a linear head, which begins at the mean target ``mean``."""

    def __init__(self, encoder: nn.Module, mean: float, fds: FDS | None = None) -> None:
        super().__init__()
        self.encoder, self.fds, self.head, self.mean = encoder, fds, nn.Linear(DIM, 1), mean
        self.val_mse = np.inf

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The predictions (n,); with FDS, training also takes the targets ``y`` (n,)."""
        features = self.encoder(x)
        if self.fds is not None:
            features = self.fds(features, y)
        return self.mean + self.head(features)[:, 0]


def fit(
    model: Model,
    train: Rows,
    val: Rows,
    *,
    epochs: int,
    parameters: Iterable[nn.Parameter] | None = None,
    loss: Callable[..., Tensor] = weighted_mse,
    weights: Tensor | None = None,
    sampler: WeightedSampler | None = None,
) -> Model:
    """The model after the epoch with the least MSE on ``val``; ``weights`` (n,) weigh the loss of a row.

    With ``parameters``, those alone are trained, and the encoder passes no noise.
    """
    optimizer = torch.optim.AdamW(parameters or model.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    model.val_mse, best = np.inf, model.state_dict()
    for epoch in range(epochs):
        model.train()
        model.encoder.train(parameters is None)
        order = torch.randperm(len(train.y))
        if sampler is not None:
            sampler.set_epoch(epoch)
            order = torch.tensor(list(sampler))
        for rows in order.split(BATCH):
            x, y, w = train.x[rows], train.y[rows], None if weights is None else weights[rows]
            optimizer.zero_grad()
            loss(model(x, y), y, w).backward()
            optimizer.step()
        schedule.step()
        if model.fds is not None:
            with torch.no_grad():
                for rows in order.split(BATCH):
                    model.fds.update_statistics(model.encoder(train.x[rows]), train.y[rows])
            model.fds.end_epoch()
        error = float((predicted(model, val.x) - val.y).square().mean())
        if error < model.val_mse:
            model.val_mse, best = error, deepcopy(model.state_dict())
    model.load_state_dict(best)
    return model


def predicted(model: nn.Module, x: Tensor) -> Tensor:
    """What ``model`` makes of ``x`` (n, …), without dropout and without FDS."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(part) for part in x.split(512)])


def tokens(sentence: str) -> list[int]:
    """The words of ``sentence`` and their groups of two to four letters, each as a number from 1 to BUCKETS - 1."""
    words = re.findall(r"\w+", sentence.lower())
    groups = (f"<{word}>"[i : i + n] for word in words for n in (2, 3, 4) for i in range(len(word) + 3 - n))
    return [1 + zlib.crc32(part.encode()) % (BUCKETS - 1) for part in (*words, *groups)]


def bags(samples: pd.DataFrame) -> Tensor:
    """The tokens of both sentences of each row of ``samples``, (n, 2, L), filled up with 0."""
    pairs = [[tokens(one), tokens(two)] for one, two in zip(samples["sentence1"], samples["sentence2"], strict=True)]
    made = np.zeros((len(pairs), 2, max(len(bag) for pair in pairs for bag in pair)), dtype=np.int32)
    for row, pair in enumerate(pairs):
        for side, bag in enumerate(pair):
            made[row, side, : len(bag)] = bag
    return torch.from_numpy(made)


class Experiment:
    """The benchmark in the folder ``out``, and the systems that are trained on it."""

    def __init__(self, out: Path, epochs: int) -> None:
        self.out, self.epochs = out, epochs
        self.samples = pd.read_parquet(out / "manifests" / "sts-b" / "samples.parquet")
        x, y = bags(self.samples), torch.tensor(self.samples["target"].to_numpy(), dtype=torch.float32)
        of = [torch.tensor((self.samples["split"] == part).to_numpy()) for part in ("train", "val", "test")]
        self.train, self.val, self.test = (Rows(x[rows], y[rows]) for rows in of)
        self.x, self.mean = x, float(self.train.y.mean())

    def weights(self, name: str) -> Tensor:
        """The weights of the training rows in the file that `dir weights` made, (n,)."""
        read = training_weights(self.out / "manifests" / "sts-b", self.out / f"{name}.parquet")
        return torch.from_numpy(read.weight).float()

    def run(self, seed: int) -> None:
        """Train every system with ``seed``, and write what each predicts of test."""
        sqinv, lds = self.weights("sqinv"), self.weights("sqinv-lds")
        focal = partial(weighted_focal_mse, beta=FOCUS)
        vanilla = self.saved("VANILLA", seed, self.encoded(seed))
        self.saved("SQINV", seed, self.encoded(seed, weights=sqinv))
        self.saved("SQINV+LDS", seed, self.encoded(seed, weights=lds))
        self.saved("SQINV+FDS", seed, self.encoded(seed, weights=sqinv, fds=True))
        self.saved("SQINV+LDS+FDS", seed, self.encoded(seed, weights=lds, fds=True))
        self.saved("FOCAL-R", seed, self.encoded(seed, loss=focal))
        self.saved("RRT", seed, self.retrained(seed, vanilla, sqinv))
        encoder = vanilla.encoder
        val, test = (Rows(predicted(encoder, rows.x), rows.y) for rows in (self.val, self.test))
        for name, table in self.tables(seed, encoder).items():
            torch.manual_seed(seed)
            features = torch.tensor(table.filter(regex=r"^f\d").to_numpy(), dtype=torch.float32)
            rows = Rows(features, torch.tensor(table["similarity"].to_numpy(), dtype=torch.float32))
            head = fit(Model(nn.Identity(), self.mean), rows, val, epochs=self.epochs)
            self.saved(name, seed, head, test.x)

    def encoded(
        self, seed: int, *, loss: Callable[..., Tensor] = weighted_mse, weights: Tensor | None = None, fds: bool = False
    ) -> Model:
        """A model that was trained as a whole; all of one seed begin alike."""
        torch.manual_seed(seed)
        model = Model(Encoder(), self.mean, FDS.for_dataset("sts-b", DIM) if fds else None)
        return fit(model, self.train, self.val, epochs=self.epochs, loss=loss, weights=weights)

    def retrained(self, seed: int, vanilla: Model, weights: Tensor) -> Model:
        """Regressor re-training: the encoder of ``vanilla``, and a new head that sees rare rows more often."""
        torch.manual_seed(seed)
        model, sampler = deepcopy(vanilla), WeightedSampler(weights, seed=seed)
        parameters = retrain_head(model, model.head)
        return fit(model, self.train, self.val, epochs=self.epochs, parameters=parameters, sampler=sampler)

    def tables(self, seed: int, encoder: nn.Module) -> dict[str, pd.DataFrame]:
        """Training rows with features of ``encoder``: as they are, and as `dir resample` makes them."""
        features = predicted(encoder, self.x).numpy()
        table = pd.DataFrame(features, columns=[f"f{column}" for column in range(DIM)])
        table.insert(0, "id", self.samples["id"])
        table.to_parquet(self.out / f"features@{seed}.parquet")
        made = {"HEAD": table.assign(similarity=self.samples["target"])[self.samples["split"] == "train"]}
        for method in ("smoter", "smogn"):
            words = ("--features", f"features@{seed}.parquet", "--out", f"{method}@{seed}.parquet")
            call(self.out, "resample", "sts-b", "--method", method, "--control-points", RARE, "--seed", seed, *words)
            made[method.upper()] = pd.read_parquet(self.out / f"{method}@{seed}.parquet")
        return made

    def saved(self, name: str, seed: int, model: Model, x: Tensor | None = None) -> Model:
        """The ``model``, whose predictions of test are written as those of the system ``name``."""
        values = predicted(model, self.test.x if x is None else x).double().numpy()
        ids = self.samples["id"][self.samples["split"] == "test"]
        table = pd.DataFrame({"id": ids, "prediction": values})
        table.to_csv(self.out / f"{name}@{seed}.csv", index=False)
        print(f"{name}@{seed}: MSE on val {model.val_mse:.3f}", flush=True)  # noqa: T201 - as below
        return model


def call(out: Path, *words: object) -> None:
    """Run `dir` with these words in the folder ``out``, as a user would, and say so."""
    line = [str(word) for word in words]
    print("$ dir", *line, flush=True)  # noqa: T201 - so that a reader can follow
    environment = {**os.environ, "DIR_MANIFESTS": "manifests"}
    done = subprocess.run([sys.executable, "-m", "dircli", *line], cwd=out, env=environment, check=False)
    if done.returncode:
        sys.exit(done.returncode)  # dir has said why


def score(out: Path, seeds: Iterable[int], bootstrap: int) -> None:
    """Scores of all systems over the seeds; those of each seed, tested against their baseline; and pictures."""
    options = ("--dataset", "sts-b", "--metrics", METRICS, "--ci", "--bootstrap", bootstrap)
    files = [f"{name}@{seed}.csv" for name in SYSTEMS for seed in seeds]
    call(out, "evaluate", *files, *options, "--seeds", "--output", "scores.json", "--output", "scores.md")
    for baseline, others in BASELINES.items():
        for seed in seeds:
            files = [f"{name}@{seed}.csv" for name in (baseline, *others)]
            call(out, "evaluate", *files, *options, "--output", f"{baseline}@{seed}.json")
    first = next(iter(seeds))
    for baseline, other in (("VANILLA", "SQINV+LDS+FDS"), ("HEAD", "SMOGN")):
        files = [f"{name}@{first}.csv" for name in (baseline, other)]
        call(out, "plot", "sts-b", *files, "--out", f"{other}.png")


def main() -> None:
    """The benchmark, the weights, every system, and the scores."""
    parser = argparse.ArgumentParser(description="Ten ways to train a small model on STS-B-DIR.")
    parser.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    parser.add_argument("--raw", type=Path, help="GLUE's STS-B, as for `dir curate`")
    parser.add_argument("--released", type=Path, help="the folder of the published split")
    parser.add_argument("--quick", action="store_true", help="two epochs and one seed")
    options = parser.parse_args()
    if options.out.exists():
        parser.error(f"{options.out} is there already; name another folder, or remove it")
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 - PyTorch's
    torch.set_num_threads(1)
    seeds, epochs, bootstrap = ((1,), 2, 200) if options.quick else (SEEDS, EPOCHS, 2000)
    options.out.mkdir(parents=True)
    begin = time.monotonic()
    sources = {"--raw": options.raw, "--released": options.released}
    given = [word for key, path in sources.items() if path for word in (key, path.resolve())]
    call(options.out, "curate", "sts-b", *given)
    for name, kernel in (("sqinv", "none"), ("sqinv-lds", "gaussian")):
        words = ("--scheme", "sqrt-inv", "--kernel", kernel, "--out", f"{name}.parquet")
        call(options.out, "weights", "sts-b", *words)
    experiment = Experiment(options.out, epochs)
    for seed in seeds:
        experiment.run(seed)
    score(options.out, seeds, bootstrap)
    spent = os.times()
    processor = spent.user + spent.system + spent.children_user + spent.children_system
    print(f"{(time.monotonic() - begin) / 60:.1f} minutes, {processor / 60:.1f} of them on a processor")  # noqa: T201


if __name__ == "__main__":
    main()
