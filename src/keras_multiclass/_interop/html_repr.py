"""Notebook representation: scikit-learn's diagram with a link and a summary of training."""

from __future__ import annotations

import html
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from keras_multiclass._shared.messages import printable, shorten

_DISTRIBUTION = "keras-multiclass"
_MAX_CLASSES = 5
_MAX_LABEL_LENGTH = 30


class NotebookMixin:
    """Extend the diagram of scikit-learn's ``BaseEstimator`` through IPython's protocols."""

    # Without these, scikit-learn links to its own documentation.
    _doc_link_module = __name__.partition(".")[0]

    @property
    def _doc_link_template(self) -> str:
        return documentation_url().replace("{", "{{").replace("}", "}}")

    @property
    def _repr_html_(self) -> Callable[[], str]:
        diagram: Callable[[], str] = super()._repr_html_  # type: ignore[misc]
        return lambda: diagram() + summary_html(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += summary_html(self)
        return dict(bundle)


def documentation_url() -> str:
    """Return the URL of the documentation according to the metadata of the installed package.

    Returns
    -------
    str
        The entry ``Documentation`` of the project's URLs; empty if there is none.
    """
    for entry in metadata.metadata(_DISTRIBUTION).get_all("Project-URL") or ():
        label, _, url = entry.partition(",")
        if label.strip().lower() == "documentation":
            return str(url.strip())
    return ""


def summary_html(estimator: Any) -> str:
    """Summarize classes, or labels, and training in one line.

    Parameters
    ----------
    estimator : KerasMulticlassClassifier or KerasMultilabelClassifier
        Fitted or not.

    Returns
    -------
    str
        HTML; empty for an estimator that is not fitted.
    """
    if not hasattr(estimator, "history_"):
        return ""
    what = "labels" if hasattr(estimator, "thresholds_") else "classes"
    parts = [_classes_text(estimator.classes_, what), _training_text(estimator)]
    return f'<div style="font-family: monospace">{html.escape("; ".join(parts))}</div>'


def _classes_text(classes: np.ndarray, what: str) -> str:
    shown = [shorten(label, _MAX_LABEL_LENGTH) for label in classes[:_MAX_CLASSES]]
    more = ["..."] if len(classes) > _MAX_CLASSES else []
    noun = what if len(classes) > 1 else "label"
    return f"{len(classes)} {noun}: {', '.join(shown + more)}"


def _training_text(estimator: Any) -> str:
    n_epochs = estimator.n_iter_
    if not n_epochs:
        return "not trained yet"
    trained = f"{n_epochs} epoch{'s' * (n_epochs != 1)}"
    name, mode = _monitored(estimator)
    if name not in estimator.history_:  # a training step of the model's own logs no loss
        return f"{trained}; engine: {estimator.engine_}"
    values = np.asarray(estimator.history_[name])
    is_validation = name.startswith("val_")
    epochs = estimator.validated_epochs_ if is_validation else range(1, n_epochs + 1)
    best = int(np.argmax(np.nan_to_num(values if mode == "max" else -values, nan=-np.inf)))
    # A metric that was added or removed before a warm start has values for some epochs only.
    where = f" in epoch {epochs[best]}" if len(values) == len(epochs) else ""
    return (
        f"{trained}, best {printable(name)} {values[best]:.4g}{where}; engine: {estimator.engine_}"
    )


def _monitored(estimator: Any) -> tuple[str, str | None]:
    """Return the quantity that early stopping monitors, or else a loss, and its mode."""
    history, modes = estimator.history_, estimator.metric_modes_
    stopping = getattr(estimator, "resolved_params_", {}).get("early_stopping") or {}
    monitor = str(stopping.get("monitor"))
    if monitor in history:
        mode = stopping.get("mode", "auto")
        return monitor, modes[monitor] if mode == "auto" else mode
    loss = "val_loss" if "val_loss" in history else "loss"
    return loss, modes.get(loss)
