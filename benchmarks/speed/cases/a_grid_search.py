"""Grid search over small networks: most of the time is spent starting fits, not training.

The first search of each contestant is reported separately from later ones, which run in the same
process and benefit from the contestant's caches. Our cache is cleared before each search, so that
each search includes tracing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from ..contestants import OURS, Contestant, load_available
from ..data import load_digits
from ..digits import build_search
from ..options import Options
from ..plain_keras import start_tensorflow
from ..results import CaseResult, compare
from ..timing import Run, Work, alternate

TOLERANCE = 0.01


def run(options: Options) -> CaseResult:
    """Time the first search of each contestant in a new process, then further ones."""
    start_tensorflow()
    epochs = options.pick(10, quick=1)
    works = {name: _work(it, options, epochs) for name, it in load_available().items()}
    first = alternate(works, repeats=1)
    later = alternate(works, options.repeats(3))
    rows = compare(first, "first search", details=_details)
    rows += compare(later, "later searches", details=_details)
    notes = [
        "--quick trains too little for equal accuracies"
        if options.quick
        else _agreement({name: [*first[name], *later[name]] for name in works}),
        f"{OURS} clears its cache before each search; the others keep theirs",
    ]
    title = (
        f"GridSearchCV of MLPs 64-h-h-10 on digits, {_describe(options)}, {epochs} epochs, "
        "batches of 32, in one process"
    )
    return CaseResult(title, rows, notes)


def _work(contestant: Contestant, options: Options, epochs: int) -> Work:
    X, y = load_digits()

    def prepare() -> Any:
        contestant.reset()
        return build_search(contestant, options, epochs)

    return Work(lambda search: _mean_score(search.fit(X, y)), prepare)


def _mean_score(search: Any) -> float:
    return search.cv_results_["mean_test_score"].mean()


def _describe(options: Options) -> str:
    return options.pick("6 candidates x 5 folds", quick="2 candidates x 2 folds")


def _details(runs: Sequence[Run]) -> dict[str, Any]:
    return {"mean CV accuracy": mean(run.result for run in runs)}


def _agreement(runs: Mapping[str, Sequence[Run]]) -> str:
    """Describe whether accuracies agree, as they must if all contestants do the same work."""
    scores = {name: mean(run.result for run in own) for name, own in runs.items()}
    differences = {name: score - scores[OURS] for name, score in scores.items() if name != OURS}
    listed = ", ".join(f"{name} {difference:+.4f}" for name, difference in differences.items())
    agree = all(abs(difference) <= TOLERANCE for difference in differences.values())
    verdict = "agree" if agree else "DO NOT AGREE"
    return f"mean accuracies over all searches {verdict} within {TOLERANCE} with ours: {listed}"
