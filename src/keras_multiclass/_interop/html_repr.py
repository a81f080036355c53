"""What a notebook shows of a classifier beside scikit-learn's diagram: a link and a summary."""

from __future__ import annotations

import html
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from keras_multiclass._shared.messages import shorten

_DISTRIBUTION = "keras-multiclass"
_MOST_CLASSES = 5
_LONGEST_LABEL = 30


class NotebookMixin:
    """Adds to the diagram of scikit-learn's ``BaseEstimator``, through IPython's own protocols."""

    # scikit-learn links to its own pages unless these say otherwise.
    _doc_link_module = __name__.partition(".")[0]

    @property
    def _doc_link_template(self) -> str:
        return documentation_address().replace("{", "{{").replace("}", "}}")

    @property
    def _repr_html_(self) -> Callable[[], str]:
        diagram: Callable[[], str] = super()._repr_html_  # type: ignore[misc]
        return lambda: diagram() + summary_html(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += summary_html(self)
        return dict(bundle)


def documentation_address() -> str:
    """Find the address of the documentation in the metadata of the installed package.

    Returns
    -------
    str
        The entry ``Documentation`` of the project's URLs; empty if there is none.
    """
    for entry in metadata.metadata(_DISTRIBUTION).get_all("Project-URL") or ():
        label, _, address = entry.partition(",")
        if label.strip().lower() == "documentation":
            return str(address.strip())
    return ""


def summary_html(estimator: Any) -> str:
    """Say in a line what came out of the training.

    Parameters
    ----------
    estimator : KerasMulticlassClassifier
        Fitted or not.

    Returns
    -------
    str
        HTML; empty for an estimator that is not fitted.
    """
    if not hasattr(estimator, "history_"):
        return ""
    parts = [_classes_text(estimator.classes_), _training_text(estimator)]
    return f'<div style="font-family: monospace">{html.escape("; ".join(parts))}</div>'


def _classes_text(classes: np.ndarray) -> str:
    shown = [shorten(label, _LONGEST_LABEL) for label in classes[:_MOST_CLASSES]]
    more = ["..."] if len(classes) > _MOST_CLASSES else []
    return f"{len(classes)} classes: {', '.join(shown + more)}"


def _training_text(estimator: Any) -> str:
    n_epochs = estimator.n_iter_
    if not n_epochs:
        return "not trained yet"
    name, sign = _watched(estimator)
    values = np.asarray(estimator.history_[name])
    best = int(np.argmax(np.nan_to_num(sign * values, nan=-np.inf)))
    # Not every epoch need have been validated; then nobody knows which one it was.
    where = f" in epoch {best + 1}" if len(values) == n_epochs else ""
    epochs = f"{n_epochs} epoch{'s' * (n_epochs != 1)}"
    return f"{epochs}, best {name} {values[best]:.4g}{where}; engine: {estimator.engine_}"


def _watched(estimator: Any) -> tuple[str, int]:
    """Find what early stopping watches, else a loss; and 1 if it is better high, else -1."""
    history = estimator.history_
    stopping = getattr(estimator, "resolved_params_", {}).get("early_stopping") or {}
    name = str(stopping.get("monitor"))
    if name not in history:
        return "val_loss" if "val_loss" in history else "loss", -1
    mode = stopping.get("mode", "auto")
    if mode == "auto":
        mode = estimator._state.compile_spec.metric_modes()[name.removeprefix("val_")]
    return name, 1 if mode == "max" else -1
