"""Labels, output layer and loss in agreement: the one place that makes them so."""

from keras_multiclass.objective._losses import resolve_loss
from keras_multiclass.objective._metrics import directions, resolve_metrics
from keras_multiclass.objective._output import (
    OutputForm,
    inspect_output,
    to_log_probabilities,
    to_logits,
    to_probabilities,
)

__all__ = [
    "OutputForm",
    "directions",
    "inspect_output",
    "resolve_loss",
    "resolve_metrics",
    "to_log_probabilities",
    "to_logits",
    "to_probabilities",
]
