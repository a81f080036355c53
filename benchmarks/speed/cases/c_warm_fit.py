"""A repeated fit in the same process."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..contestants import Contestant, load_available
from ..data import load_digits
from ..digits import digits_network
from ..options import Options
from ..results import CaseResult, compare
from ..timing import Work, alternate


def run(options: Options) -> CaseResult:
    """Time fits of new estimators, not counting the first one of each contestant."""
    epochs = options.pick(10, quick=1)
    works = {name: _work(contestant, epochs) for name, contestant in load_available().items()}
    alternate(works, repeats=1)
    rows = compare(alternate(works, options.repeats(10)))
    title = f"Repeated fit: MLP 64-64-64-10 on digits, {epochs} epochs, batches of 32"
    note = (
        "a new estimator each time, after one fit that is not counted; caches are not cleared in "
        "between"
    )
    return CaseResult(title, rows, [note])


def _work(contestant: Contestant, epochs: int) -> Work:
    X, y = load_digits()

    def fit(estimator: Any) -> None:
        estimator.fit(X, y)

    return Work(fit, prepare=partial(contestant.build, digits_network(epochs)))
