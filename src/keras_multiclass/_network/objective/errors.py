"""Error for labels, output layer and loss or metric that do not agree."""

from __future__ import annotations

from keras_multiclass._network.objective.forms import OutputForm
from keras_multiclass.exceptions import ObjectiveError

__all__ = ["describe_classes", "describe_labels", "describe_output", "mismatch_error"]


def describe_output(form: OutputForm, n_classes: int) -> str:
    """Describe the output layer for an error message."""
    return {
        "logits": f"{n_classes} units of logits",
        "probabilities": f"{n_classes} units of softmax probabilities",
        "binary_logit": "1 unit, the logit of the second class",
        "binary_probability": "1 unit, the sigmoid probability of the second class",
        "label_logits": f"{n_classes} units of logits",
        "label_probabilities": f"{n_classes} sigmoid units",
    }[form]


def describe_classes(n_classes: int, soft: bool = False) -> str:
    """Describe labels that are classes for an error message."""
    return f"{'soft labels' if soft else 'labels'} of {n_classes} classes"


def describe_labels(n_labels: int) -> str:
    """Describe labels of which a row may have several for an error message."""
    return f"{n_labels} labels that do not exclude each other"


def mismatch_error(labels: str, output: str, loss: str, reason: str, cure: str) -> ObjectiveError:
    """Build the error that names labels, output layer and loss, the conflict and its remedy."""
    return ObjectiveError(
        f"Labels, output layer and loss must agree; got {labels}, an output "
        f"layer of {output}, and {loss}. {reason} {cure}"
    )
