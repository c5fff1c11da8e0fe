"""EDF recordings byte by byte, by the format's own description, so that no reader is tested by its own writer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Signal = tuple[str, int, float, float]
SHHS: tuple[Signal, ...] = (
    ("SaO2", 1, 0, 100),
    ("EEG(sec)", 125, -125, 125),
    ("ECG", 250, -1.25, 1.25),
    ("EEG", 125, -125, 125),
    ("THOR RES", 10, 1, -1),
    ("ABDO RES", 10, 1, -1),
    ("NEW AIR", 10, -1, 1),
)
"""Label, samples per data record, physical minimum and maximum, as SHHS has them."""


def edf(
    signals: Sequence[Signal] = SHHS,
    *,
    records: int = 3,
    stated: str | None = None,
    lasts: str = "1",
    date: str = "01.01.85",
    time: str = "22.00.00",
    count: str | None = None,
) -> bytes:
    """A recording of ``records`` data records of zeros, each lasting ``lasts`` seconds; ``stated`` of them, it says."""

    def fields(width: int, values: Sequence[object]) -> bytes:
        return b"".join(str(value).encode().ljust(width) for value in values)

    n = len(signals)
    head = [
        *(b"0".ljust(8), b" " * 160, fields(8, [date, time, 256 * (n + 1)]), b" " * 44),
        fields(8, [records if stated is None else stated, lasts]),
        fields(4, [n if count is None else count]),
        fields(16, [label for label, _, _, _ in signals]),
        b" " * 88 * n,  # transducer and unit
        *(fields(8, column) for column in ([low for _, _, low, _ in signals], [high for _, _, _, high in signals])),
        *(fields(8, [end] * n) for end in (-128, 127)),
        b" " * 80 * n,
        fields(8, [samples for _, samples, _, _ in signals]),
        b" " * 32 * n,
    ]
    return b"".join(head) + b"\0\0" * sum(samples for _, samples, _, _ in signals) * records
