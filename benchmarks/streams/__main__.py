"""Measure the speed and the memory of streams; see the README of the benchmarks."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.layout import format_table
from benchmarks.processes import run_in_new_process

from .measuring import BATCH_SIZE, measure_both, measure_stream, write_table


def main() -> None:
    """Run the comparisons and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    parser.add_argument("--network", nargs="+", default=["mlp"])
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--compare-rows", type=int, default=None, help="default: most of --rows")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    compared = options.compare_rows or max(options.rows)
    with tempfile.TemporaryDirectory() as temporary:
        folders = {}
        for n_rows in sorted({*options.rows, compared}):
            folders[n_rows] = Path(temporary) / str(n_rows)
            folders[n_rows].mkdir()
            write_table(folders[n_rows], n_rows)
        for network in options.network:
            header = ["rows", "first pass", "an epoch", "us/row", "CPU us/row", "peak MiB", "MiB"]
            lines = [header]
            for n_rows in options.rows:
                epochs = 3 if n_rows >= 10**6 else 20
                arguments = {"folder": str(folders[n_rows]), "network": network, "epochs": epochs}
                found = run_in_new_process(measure_stream, **arguments)
                after = found["after epochs"]
                lines.append(
                    [
                        f"{n_rows:,}",
                        f"{found['first pass']:.1f} s",
                        f"{found['wall']:.1f} s",
                        f"{1e6 * found['wall'] / n_rows:.2f}",
                        f"{1e6 * found['processor'] / n_rows:.2f}",
                        f"{found['peak']:.0f}",
                        f"{found['before']:.0f} before, {after[0]:.0f} to {after[-1]:.0f} after "
                        "epochs",
                    ]
                )
            print(f"\n{network}, streamed, batches of {BATCH_SIZE}\n")
            print(format_table(lines, markdown=options.markdown), flush=True)
            arguments = {"folder": str(folders[compared]), "repeats": options.repeat}
            both = run_in_new_process(measure_both, network=network, **arguments)
            lines = [["", "before the first epoch", "rows/s in an epoch", "CPU us/row"]]
            for name, runs in both.items():
                first, wall, processor = np.median(runs, axis=0)
                rate = compared / wall
                cells = f"{first:.1f} s", f"{rate:,.0f}", f"{1e6 * processor / compared:.2f}"
                lines.append([name, *cells])
            walls = {name: np.median(runs, axis=0)[1] for name, runs in both.items()}
            print(f"\n{network}, {compared:,} rows, in turn\n")
            print(format_table(lines, markdown=options.markdown))
            print(f"\nratio {walls['in memory'] / walls['streamed']:.2f}", flush=True)


if __name__ == "__main__":
    main()
