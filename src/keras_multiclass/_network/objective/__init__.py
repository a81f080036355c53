"""Labels, output layer and loss in agreement: the one place that makes them so."""

from keras_multiclass._network.objective.losses import resolve_loss
from keras_multiclass._network.objective.metrics import metric_modes, resolve_metrics
from keras_multiclass._network.objective.output import (
    inspect_output,
    to_log_probabilities,
    to_logits,
    to_probabilities,
)
from keras_multiclass._network.objective.wiring import OutputForm

__all__ = [
    "OutputForm",
    "inspect_output",
    "metric_modes",
    "resolve_loss",
    "resolve_metrics",
    "to_log_probabilities",
    "to_logits",
    "to_probabilities",
]
