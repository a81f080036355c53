"""One fit in a new process, as in a script that trains a single small network."""

from __future__ import annotations

from functools import partial

from ...processes import run_in_new_process
from ..contestants import available, load
from ..data import load_digits
from ..digits import digits_network
from ..options import Options
from ..results import CaseResult, compare
from ..timing import Work, alternate


def run(options: Options) -> CaseResult:
    """Time whole processes, after one run of each contestant to load its files into memory."""
    epochs = options.pick(10, quick=1)
    works = {name: _work(name, epochs) for name in available()}
    if not options.quick:
        alternate(works, repeats=1)
    rows = compare(alternate(works, options.repeats(5)))
    title = f"One fit in a new process: MLP 64-64-64-10 on digits, {epochs} epochs, batches of 32"
    note = (
        "from start to exit of Python, including imports; a first process of each contestant is "
        "not counted"
    )
    return CaseResult(title, rows, [note])


def _work(name: str, epochs: int) -> Work:
    fit = partial(run_in_new_process, fit_once, contestant=name, epochs=epochs)
    return Work(lambda _: fit())


def fit_once(contestant: str, epochs: int) -> None:
    """Load a contestant and fit it once."""
    X, y = load_digits()
    load(contestant).build(digits_network(epochs)).fit(X, y)
