"""Whether the recordings behind a manifest can be used: each header is opened with edfio, and its signals are named.

Only headers are read and files are measured, so memory stays flat and an archive need not be unpacked; a second thread
would gain nothing. Damage is a finding, never a crash.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dircli import datasets
from dircli.benchmark.dataset import Channel, SampleReader
from dircli.benchmark.manifest import Manifest, PixelManifest
from dircli.benchmark.raw import Raw
from dircli.curation.options import CurateOptions
from dircli.curation.provenance import reason
from dircli.datasets import obtain
from dircli.datasets.obtain import DownloadOptions
from dircli.errors import DirError, UsageError, one_line
from dircli.store import files, parquet
from dircli.store.engines import LOCAL, Engine
from dircli.store.parallel import Watch, unwatched
from dircli.store.places import UnreachableError

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 256  # bytes: the header has one such block for the file and one for each signal
RECORDS, SIGNALS = slice(236, 244), slice(252, 256)  # where the numbers of data records and of signals stand
CLOCK = (("start date", slice(168, 176), "%d.%m.%y"), ("start time", slice(176, 184), "%H.%M.%S"))
SAMPLE = 2  # bytes
BATCH = 32  # recordings that another process opens at once


@dataclass(kw_only=True)
class Recording:
    """What one recording shows: ``filled`` maps a role to the label and rate (Hz) of the channel that fills it.

    ``duration`` is in seconds, of whole data records, or None where unknown. ``signals`` are all (label, rate) in the
    file's order; ``inverted`` the labels of channels with `Channel.inverts` that are; ``findings`` all that is wrong.
    """

    id: str
    file: str | None
    duration: float | None = None
    filled: dict[str, tuple[str, float]] = field(default_factory=dict)
    signals: list[tuple[str, float]] = field(default_factory=list)
    inverted: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def reader() -> Any:
    """The library that opens recordings; UsageError, saying how to install it, where it is missing."""
    try:
        return import_module("edfio")
    except ImportError:
        message = "recordings are opened with edfio, which is not installed; run: pip install 'dircli[psg]'"
        raise UsageError(message) from None


def examined(raw: Raw, ids: Iterable[str], samples: SampleReader) -> Iterator[Recording]:
    """What the recording of each of ``ids`` shows, in their order."""
    edfio = reader()
    for key in ids:
        recording = Recording(id=key, file=None)
        try:
            recording.file = raw.find(samples.recording.format(id=key))
            if recording.file is None:
                recording.findings.append("there is no recording")
            else:
                with raw.open(recording.file) as stream:
                    _examine(recording, stream, raw, samples.channels, edfio)
        except UnreachableError:
            raise
        except (OSError, DirError) as error:
            recording.findings.append(f"cannot be read ({reason(error, raw)})")
        yield recording


def _examined_elsewhere(shared: tuple[Raw, str], ids: Sequence[str]) -> list[Recording]:
    """The same in another process, for the dataset of this name; InputError where that does not see the source."""
    raw, name = shared
    raw.members()
    return list(examined(raw, ids, datasets.load(name).samples))


def _examine(recording: Recording, stream: IO[bytes], raw: Raw, channels: Sequence[Channel], edfio: Any) -> None:
    """Fill ``recording``, a file of ``raw``, with what its header in ``stream`` says, and its size bears out."""
    size = raw.size(str(recording.file))
    try:
        header, stated = _header(stream)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # edfio warns of what is a finding here
            edf = edfio.read_edf(io.BytesIO(header))
            signals = edf.signals
            recording.signals = [(signal.label, float(signal.sampling_frequency)) for signal in signals]
            for name, at, form in CLOCK:  # edfio needs the first annotation of a recording with annotations for them
                text = header[at].decode("ascii", "replace").strip()
                try:
                    datetime.strptime(re.sub(r"[:'/ -]", ".", text), form)  # noqa: DTZ007 - a recorder's own clock
                except ValueError:
                    recording.findings.append(f"the {name} {text!r} is none")
            if (own := edf.bytes_in_header_record) != len(header):
                recording.findings.append(f"the header states its own size wrongly ({own:,} of {len(header):,} bytes)")
            recording.findings += _length(recording, edf, stated=stated, size=size - len(header))
    except UnreachableError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged header may meet any of the parser's errors
        recording.findings.append(f"the header is damaged ({reason(error, raw)})")
        return
    recording.findings += _filled(recording, channels)
    expected = {_plain(label) for channel in channels if channel.inverts for label in channel.labels}
    for signal in signals:
        recording.findings += _range(recording, signal, inverts=_plain(signal.label) in expected)


def _header(stream: IO[bytes]) -> tuple[bytes, str]:
    """The header as of a recording without data, which edfio takes, and the number of data records that it states."""
    head = stream.read(BLOCK)
    if len(head) < BLOCK:
        raise ValueError(f"the file has {len(head)} bytes, and a header at least {BLOCK}")
    count = int(head[SIGNALS])
    if count < 1:
        raise ValueError(f"it states {count} signals")
    rest = stream.read(BLOCK * count)
    if len(rest) < BLOCK * count:
        raise ValueError(f"it ends after {BLOCK + len(rest):,} of {BLOCK + BLOCK * count:,} bytes")
    stated = head[RECORDS].decode("ascii", "replace").strip()
    return head[: RECORDS.start] + b"0".ljust(8) + head[RECORDS.stop :] + rest, stated


def _length(recording: Recording, edf: Any, *, stated: str, size: int) -> Iterator[str]:
    """What is wrong with the number of data records ``stated``, against ``size`` bytes of data; sets the duration."""
    each = SAMPLE * sum(signal.samples_per_data_record for signal in edf._signals)  # noqa: SLF001 - with annotations
    lasts = edf.data_record_duration
    if each <= 0 or not (math.isfinite(lasts) and lasts > 0):
        yield f"unknown duration: data records of {lasts:g} s and {each} bytes"
        return
    there, rest = divmod(max(size, 0), each)
    recording.duration = there * lasts
    if not there:
        yield f"no data records ({stated} stated)"
    elif stated == "-1":
        yield f"unknown duration: the number of data records is not stated; there are {there:,}"
    elif stated != str(there):
        yield f"{stated} data records are stated, and {there:,} are there"
    if rest:
        yield f"the last data record is cut off after {rest:,} of {each:,} bytes"


def _filled(recording: Recording, channels: Sequence[Channel]) -> Iterator[str]:
    """Find the channel of each role; what is missing, or sampled at an implausible rate."""
    rates: dict[str, list[tuple[str, float]]] = {}
    for label, rate in recording.signals:
        rates.setdefault(_plain(label), []).append((label, rate))
    for channel in channels:
        low, high = channel.rates
        fitting = [same for label in channel.labels if (same := rates.get(_plain(label)))]
        if not fitting:
            yield f"no {channel.role} channel ({' or '.join(channel.labels)})"
            continue
        recording.filled[channel.role] = fitting[0][0]
        yield from (f"{len(same)} channels are called {same[0][0]}" for same in fitting if len(same) > 1)
        for label, rate in (pair for same in fitting for pair in same):
            if not low <= rate <= high:
                yield f"{label} has {rate:g} Hz, expected {low:g} to {high:g}"


def _range(recording: Recording, signal: Any, *, inverts: bool) -> Iterator[str]:
    """What is wrong with the physical and the digital range of ``signal``, by which its samples become units."""
    try:
        low, high = signal.physical_min, signal.physical_max
        least, most = signal.digital_min, signal.digital_max
    except ValueError as error:
        yield f"{signal.label}: its range is no number ({one_line(error)})"
        return
    if low == high:
        yield f"{signal.label}: its physical minimum and maximum are both {low:g}"
    elif low > high and inverts:
        recording.inverted.append(signal.label)
    elif low > high:
        yield f"{signal.label}: its physical minimum {low:g} is above its maximum {high:g}"
    if least >= most:
        yield f"{signal.label}: its digital minimum {least} is not below its maximum {most}"


def columns(recordings: Sequence[Recording], channels: Sequence[Channel]) -> dict[str, pa.Array]:
    """The table of findings, one row per recording; null is what is not there."""
    import pyarrow as pa

    def text(values: Iterable[str | None]) -> pa.Array:
        return pa.array(list(values), pa.string())

    table = {
        "id": text(each.id for each in recordings),
        "file": text(each.file for each in recordings),
        "status": text("finding" if each.findings else "ok" for each in recordings),
        "duration_s": pa.array([each.duration for each in recordings], pa.float64()),
    }
    for role in (channel.role for channel in channels):
        labels, rates = zip(*(each.filled.get(role, (None, None)) for each in recordings), strict=True)
        table |= {role: text(labels), f"{role}_hz": pa.array(rates, pa.float64())}
    return table | {
        "signals": text("; ".join(f"{label} {rate:g} Hz" for label, rate in each.signals) for each in recordings),
        "inverted": text("; ".join(each.inverted) for each in recordings),
        "finding": text("; ".join(each.findings) for each in recordings),
    }


def _plain(label: str) -> str:
    """A label as it is compared: without regard to case and to the width of spaces."""
    return " ".join(label.split()).casefold()


def need_signals(name: str) -> None:
    """Raise UsageError where the recordings of ``name`` could not be checked: it has none, or edfio is missing."""
    if not datasets.load(name).samples.channels:
        raise UsageError(f"{name} has no recordings to check")
    reader()


def check_signals(  # noqa: PLR0913 - what is checked, and by whom
    manifest: Manifest | PixelManifest,
    options: CurateOptions,
    *,
    root: Path,
    terms: DownloadOptions,
    watch: Watch = unwatched,
    engine: Engine = LOCAL,
) -> tuple[list[Recording], Path]:
    """Open the recording of every row of the manifest; what each shows, and the table of it beside the manifest."""
    dataset = datasets.load(str(manifest.facts["dataset"]))
    with obtain.raw_files(dataset, options.raw, terms, "the recordings") as tree:
        ids, recordings = manifest.samples.ids, list[Recording]()
        batches: Iterator[list[Recording]]
        with watch("recordings", len(ids)) as done:
            if engine.name == "local":
                batches = ([recording] for recording in examined(tree, ids, dataset.samples))
            else:
                parts = [ids[start : start + BATCH].tolist() for start in range(0, len(ids), BATCH)]
                batches = engine.in_order(_examined_elsewhere, parts, shared=(tree, dataset.name))
            for batch in batches:
                recordings += batch
                done(len(batch))
    path = root / str(manifest.facts["name"]) / "signals.parquet"
    table = columns(recordings, dataset.samples.channels)
    files.write(path, parquet.parquet_bytes(table, manifest.table.facts), force=True)
    return recordings, path
