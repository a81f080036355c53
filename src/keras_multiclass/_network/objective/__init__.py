"""Makes labels, output layer, loss and metrics agree with one another.

`classes` is for classes that exclude each other, `labels` for labels of which a row may have
several; both implement `Objective`. Imports only `_shared` and `_network.layers`; the rest of
`_network`, `_training` and the classifiers may import it.
"""

from keras_multiclass._network.objective.classes.calibrated_loss import (
    CALIBRATED_LOSS,
    PRIOR_PRECISION,
)
from keras_multiclass._network.objective.classes.objective import ClassObjective
from keras_multiclass._network.objective.labels.objective import LabelObjective
from keras_multiclass._network.objective.loss_building import is_automatic
from keras_multiclass._network.objective.metric_building import metric_modes
from keras_multiclass._network.objective.objective import Objective

__all__ = [
    "CALIBRATED_LOSS",
    "PRIOR_PRECISION",
    "ClassObjective",
    "LabelObjective",
    "Objective",
    "is_automatic",
    "metric_modes",
]
