"""The objective: makes labels, output layer and loss agree, and adapts losses and metrics.

May import `_shared` and `_network.layers`. Imported by the rest of `_network` and by the rooms that
may import that.
"""

from keras_multiclass._network.objective.losses import resolve_loss
from keras_multiclass._network.objective.metrics import directions, resolve_metrics
from keras_multiclass._network.objective.output import (
    inspect_output,
    to_log_probabilities,
    to_logits,
    to_probabilities,
)
from keras_multiclass._network.objective.wiring import OutputForm

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
