"""Miniatures of NYU Depth V2 in its two real forms: the archive of Hu et al., and the official MATLAB files."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TRAIN = [("kitchen_0001a_out", 1), ("kitchen_0001a_out", 2), ("office_0002_out", 1)]
TEST = [0, 8, 1448]
SIZE = (480, 640)


def _waves(seed: int) -> NDArray[np.float64]:
    """A scene (480, 640) in 0..1 that varies in both directions and takes every value."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.asarray((x / SIZE[1] + 0.3 * np.sin(y / (17 + 5 * seed)) + seed / 7) % 1)


def train_codes(row: int) -> NDArray[np.uint8]:
    """The 8-bit codes of a training map: 18..255, the depths of 0.7 m and more."""
    return (18 + _waves(row) ** 2 * 237).round().astype(np.uint8)


def test_codes(row: int) -> NDArray[np.uint16]:
    """The millimetres of a test map: 700..9990; every 0.1 m occurs."""
    return (700 + _waves(row + 3) ** 3 * 9290).astype(np.uint16)


test_codes.__test__ = False  # type: ignore[attr-defined]  # a helper, whatever pytest thinks of its name


def png(codes: NDArray[Any]) -> bytes:
    """A grey PNG of 8 or 16 bits, as the type of ``codes`` says."""
    stream = io.BytesIO()
    Image.fromarray(codes).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _colour(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", SIZE[::-1], (120, 90, 60)).save(stream, kind)
    return stream.getvalue()


def lists() -> dict[str, bytes]:
    """The two csv lists of the archive."""
    train = [f"data/nyu2_train/{scene}/{number}" for scene, number in TRAIN]
    test = [f"data/nyu2_test/{number:05d}" for number in TEST]
    return {
        "data/nyu2_train.csv": "".join(f"{path}.jpg,{path}.png\n" for path in train).encode(),
        "data/nyu2_test.csv": "".join(f"{path}_colors.png,{path}_depth.png\n" for path in test).encode(),
    }


def archive(folder: Path) -> Path:
    """The archive, unpacked: lists, JPEG and 8-bit PNG to train on, 16-bit PNG to test on."""
    path = folder / "nyu"
    jpeg, colour = _colour("JPEG"), _colour("PNG")
    contents = lists()
    for row, (scene, number) in enumerate(TRAIN):
        contents[f"data/nyu2_train/{scene}/{number}.jpg"] = jpeg
        contents[f"data/nyu2_train/{scene}/{number}.png"] = png(train_codes(row))
    for row, number in enumerate(TEST):
        contents[f"data/nyu2_test/{number:05d}_colors.png"] = colour
        contents[f"data/nyu2_test/{number:05d}_depth.png"] = png(test_codes(row))
    for name, data in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def zipped(path: Path) -> Path:
    """The same archive as one zip."""
    target = path.with_name("data.zip")
    with zipfile.ZipFile(target, "w") as packed:
        for file in sorted(path.rglob("*")):
            if file.is_file():
                packed.write(file, file.relative_to(path).as_posix())
    return target


def matlab(folder: Path) -> Path:
    """The official files: HDF5 depths (images, 640, 480) in metres, MATLAB's axes, and splits.mat counted from 1."""
    import h5py
    from scipy.io import savemat

    path = folder / "official"
    path.mkdir()
    with h5py.File(path / "nyu_depth_v2_labeled.mat", "w", userblock_size=512) as file:
        depths = file.create_dataset("depths", (max(TEST) + 1, 640, 480), "<f4", chunks=(1, 640, 480), compression=1)
        file.create_dataset("images", (max(TEST) + 1, 3, 640, 480), "u1", chunks=(1, 3, 640, 480))
        for row, number in enumerate(TEST):
            depths[number] = (test_codes(row).astype(np.float32) / np.float32(1000) + np.float32(4e-4)).T
    stream = io.BytesIO()
    numbers = np.array(TEST, dtype=np.uint16)[:, None] + 1
    savemat(cast("Any", stream), {"testNdxs": numbers, "trainNdxs": np.array([[2], [3]], dtype=np.uint16)})
    (path / "splits.mat").write_bytes(stream.getvalue())
    return path


def prepared(codes: NDArray[Any]) -> NDArray[Any]:
    """What Pillow itself makes of a map: shorter side to 240 by NEAREST, centre 304 x 228."""
    small = Image.fromarray(codes).resize((320, 240), Image.Resampling.NEAREST)
    return np.asarray(small.crop((8, 6, 312, 234)))


def train_metres(row: int) -> NDArray[np.float32]:
    """A prepared training map in metres, in float32 as released."""
    return prepared(train_codes(row)).astype(np.float32) / np.float32(255) * np.float32(10)


def released_bin(depth: NDArray[np.float32]) -> NDArray[np.int64]:
    """The bin of each depth by the released code's own arithmetic."""
    return np.minimum((depth * np.float32(10)).astype(np.int64), 99)


def damage(path: Path) -> None:
    """One depth map is cut short."""
    file = path / "data" / "nyu2_train" / TRAIN[0][0] / "2.png"
    file.write_bytes(file.read_bytes()[:-2000])
