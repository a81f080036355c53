"""Choice of a default among candidates, judged on tables that had no part in it.

Run with ``python -m benchmarks.tables.selection``. The tables are in groups. For each group, the
candidate with the lowest mean log loss on all other groups is chosen, and its results on the group
count. So every table is judged once, by a choice that it did not influence.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from ..accuracy.results import keep_common, read_results
from ..layout import format_table
from .data import N_GROUPS, TABLES, group_of
from .results import TableResult
from .summary import mean_by_table

CHOSEN = "chosen"
SIZES = {"below 500 rows": (0, 500), "500 to 1,999": (500, 2000), "2,000 and more": (2000, 10**9)}


def choose(losses: pd.DataFrame, candidates: Sequence[str]) -> list[str]:
    """Choose a candidate for each group of tables by its log loss on the other groups.

    Parameters
    ----------
    losses : DataFrame
        Log loss; tables are rows, models are columns.
    candidates : sequence of str
        The models to choose from.

    Returns
    -------
    list of str
        The candidate for each group.
    """
    groups = losses.index.map(group_of)
    return [losses.loc[groups != group, candidates].mean().idxmin() for group in range(N_GROUPS)]


def judge(values: pd.DataFrame, choices: Sequence[str]) -> pd.DataFrame:
    """Add the chosen candidate as a model, on each table that of its group.

    Parameters
    ----------
    values : DataFrame
        A measure; tables are rows, models are columns.
    choices : sequence of str
        The candidate for each group.
    """
    chosen = {table: values.loc[table, choices[group_of(table)]] for table in values.index}
    return values.assign(**{CHOSEN: pd.Series(chosen)})


def paired(values: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard error over tables of each model's difference from the chosen one."""
    differences = values.sub(values[CHOSEN], axis="index")
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    return pd.DataFrame({"mean": differences.mean(), "error": error})


def format_selection(fits: pd.DataFrame, candidates: Sequence[str], *, markdown: bool) -> str:
    """Format the choices, the comparison with the other models, and the regret on each table."""
    common = keep_common(fits)
    measures = {
        name: mean_by_table(common, name)
        for name in ("error", "log_loss", "macro_f1", "calibration_error")
    }
    choices = choose(measures["log_loss"], candidates)
    rivals = [model for model in measures["log_loss"] if model not in candidates]
    judged = {name: judge(values, choices)[[CHOSEN, *rivals]] for name, values in measures.items()}
    parts = [
        ("Candidates: mean log loss", _candidate_cells(measures["log_loss"], candidates, choices)),
        ("Tables that did not choose", _comparison_cells(judged)),
        ("Tables won by the chosen candidate, by log loss", _win_cells(judged["log_loss"])),
        ("Log loss relative to other models", _regret_cells(judged["log_loss"])),
    ]
    prefix = "### " if markdown else ""
    return "\n".join(
        f"{prefix}{title}\n\n{format_table(cells, markdown=markdown)}\n" for title, cells in parts
    )


def _candidate_cells(
    losses: pd.DataFrame, candidates: Sequence[str], choices: Sequence[str]
) -> list[list[str]]:
    """List each candidate on all tables, and the choice on tables that made it and did not."""
    groups = losses.index.map(group_of)
    rows = [["", "all tables", "chosen for groups"]]
    for candidate in candidates:
        where = ", ".join(str(g) for g, choice in enumerate(choices) if choice == candidate)
        rows.append([candidate, f"{losses[candidate].mean():.4f}", where])
    choosing = [losses.loc[groups != g, choice].mean() for g, choice in enumerate(choices)]
    rows.append([f"{CHOSEN}: tables that chose", f"{sum(choosing) / len(choosing):.4f}", ""])
    others = judge(losses, choices)[CHOSEN].mean()
    return [*rows, [f"{CHOSEN}: tables that did not", f"{others:.4f}", ""]]


def _comparison_cells(judged: dict[str, pd.DataFrame]) -> list[list[str]]:
    losses = judged["log_loss"]
    differences = {name: paired(judged[name]) for name in ("error", "log_loss")}
    rows = [["model", "error in %", "log loss", "macro F1", "calibration error", "rank"]]
    rows[0] += ["error - chosen in %", "log loss - chosen"]
    for model in losses.mean().sort_values().index:
        means = {name: values[model].mean() for name, values in judged.items()}
        error, loss = (differences[name].loc[model] for name in ("error", "log_loss"))
        rows.append(
            [
                model,
                f"{100 * means['error']:.2f}",
                f"{means['log_loss']:.4f}",
                f"{means['macro_f1']:.4f}",
                f"{means['calibration_error']:.4f}",
                f"{losses.rank(axis='columns')[model].mean():.2f}",
                f"{100 * error['mean']:+.2f} ± {100 * error['error']:.2f}",
                f"{loss['mean']:+.4f} ± {loss['error']:.4f}",
            ]
        )
    return rows


def _win_cells(losses: pd.DataFrame) -> list[list[str]]:
    n_rows = losses.index.map(TABLES.get)
    rows = [["against", *SIZES]]
    for rival in losses.columns.drop(CHOSEN):
        cells = []
        for low, high in SIZES.values():
            of_size = losses[(n_rows >= low) & (n_rows < high)]
            means = of_size[[CHOSEN, rival]].mean()
            wins = int((of_size[CHOSEN] < of_size[rival]).sum())
            cells.append(
                f"{wins} of {len(of_size)} ({means[CHOSEN]:.3f}, {means[rival]:.3f})"
                if len(of_size)
                else ""
            )
        rows.append([rival, *cells])
    return rows


def _regret_cells(losses: pd.DataFrame) -> list[list[str]]:
    rivals = losses.drop(columns=CHOSEN)
    rows = [["table", CHOSEN, "best other", "", "ratio"]]
    rows += [
        [
            table,
            f"{losses.loc[table, CHOSEN]:.4f}",
            str(of_table.idxmin()),
            f"{of_table.min():.4f}",
            f"{losses.loc[table, CHOSEN] / of_table.min():.3f}",
        ]
        for table, of_table in rivals.iterrows()
    ]
    if "LogisticRegression" in rivals:
        rows[0].append("ratio to LogisticRegression")
        for row in rows[1:]:
            ratio = losses.loc[row[0], CHOSEN] / rivals.loc[row[0], "LogisticRegression"]
            row.append(f"{ratio:.3f}")
    return rows


def main(command_line: list[str] | None = None) -> None:
    """Print the choice among the candidates in a results file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tables.selection", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--results", type=Path, required=True, metavar="FILE", help="results file")
    parser.add_argument(
        "--candidate",
        action="append",
        required=True,
        metavar="LABEL",
        help="model to choose from, may be repeated",
    )
    parser.add_argument(
        "--rival",
        action="append",
        metavar="LABEL",
        help="model to compare with, may be repeated; default: all others in the file",
    )
    parser.add_argument("--markdown", action="store_true", help="print tables in Markdown")
    arguments = parser.parse_args(command_line)
    fits = pd.DataFrame([asdict(it) for it in read_results(arguments.results, TableResult)])
    known = list(fits["model"].unique()) if len(fits) else []
    wanted = [*arguments.candidate, *(arguments.rival or known)]
    missing = [label for label in wanted if label not in known]
    if missing:
        parser.error(f"{arguments.results} has no results of {', '.join(missing)}")
    shown = fits[fits["model"].isin(wanted)]
    print(format_selection(shown, arguments.candidate, markdown=arguments.markdown), end="")


if __name__ == "__main__":
    main()
