"""Network and grid search on digits, shared by several cases."""

from __future__ import annotations

from typing import Any

from .contestants import Contestant, Network
from .options import Options

LEARNING_RATES = (1e-3, 3e-3)


def digits_network(epochs: int) -> Network:
    """Return the network 64-64-64-10, trained in batches of 32."""
    return Network(64, 10, hidden_units=(64, 64), epochs=epochs, batch_size=32)


def build_search(
    contestant: Contestant, options: Options, epochs: int, n_jobs: int | None = None
) -> Any:
    """Build a search over three widths, two learning rates and five folds: 30 fits.

    Parameters
    ----------
    contestant : Contestant
        Contestant whose classifier is searched.
    options : Options
        With `quick`, one width and two folds are used.
    epochs : int
        Number of epochs per fit.
    n_jobs : int, default=None
        As in `GridSearchCV`.

    Returns
    -------
    GridSearchCV
        Unfitted search with ``refit=False``.
    """
    # Imported here because a cold start of a single fit does not need it.
    from sklearn.model_selection import GridSearchCV

    network = digits_network(epochs)
    widths = options.pick((32, 64, 128), quick=(8,))
    return GridSearchCV(
        contestant.build(network),
        contestant.grid(network, widths, LEARNING_RATES),
        cv=options.pick(5, quick=2),
        refit=False,
        error_score="raise",
        n_jobs=n_jobs,
    )
