"""Makes labels, output layer, loss and metrics agree with one another.

Imports only `_shared` and `_network.layers`; the rest of `_network`, `_training` and the classifier
may import it.
"""

from keras_multiclass._network.objective.forms import OutputForm
from keras_multiclass._network.objective.losses import resolve_loss
from keras_multiclass._network.objective.metrics import metric_modes, resolve_metrics
from keras_multiclass._network.objective.output import (
    inspect_output,
    inspect_prediction,
    to_log_probabilities,
    to_logits,
    to_probabilities,
)

__all__ = [
    "OutputForm",
    "inspect_output",
    "inspect_prediction",
    "metric_modes",
    "resolve_loss",
    "resolve_metrics",
    "to_log_probabilities",
    "to_logits",
    "to_probabilities",
]
