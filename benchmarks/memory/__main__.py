"""Peak memory of training and prediction on large arrays of images, relative to the array.

Run ``python -m benchmarks.memory`` on Linux; ``--rows 2000`` is a smoke test.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.layout import format_table
from benchmarks.processes import run_in_new_process

from .measuring import WORK, measure

ROW = (96, 96, 3)
DTYPES = ("uint8", "bool", "int16", "float16", "float32")


def main() -> None:
    """Measure all kinds of arrays, each in a new process, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dtype", action="append", choices=DTYPES)
    parser.add_argument("--work", action="append", choices=list(WORK))
    options = parser.parse_args()
    works = options.work or list(WORK)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for dtype in options.dtype or DTYPES:
            path = str(Path(folder) / "images.npy")
            size = save(path, dtype, options.rows)
            for mapped in (False, True):
                peaks = [
                    run_in_new_process(measure, path=path, mapped=mapped, work=work)
                    for work in works
                ]
                name = f"{dtype}, memory map" if mapped else dtype
                rows.append((name, f"{size / 1e6:.0f}", *(f"{peak / size:.2f}" for peak in peaks)))
                print(*rows[-1], flush=True)
    print(format_table([("array", "MB", *works), *rows], markdown=True))


def save(path: str, dtype: str, n_rows: int) -> int:
    """Write random images to a file, and return the size of the array."""
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(path, "w+", dtype, (n_rows, *ROW))
    for start in range(0, n_rows, 500):
        stop = min(start + 500, n_rows)
        images[start:stop] = rng.integers(0, 2 if dtype == "bool" else 256, (stop - start, *ROW))
    images.flush()
    return images.nbytes


if __name__ == "__main__":
    main()
