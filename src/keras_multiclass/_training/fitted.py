"""The fitted state of the estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.labels.target import TargetCodec
from keras_multiclass._interop.tensorboard import name_of_run
from keras_multiclass._network.backbone_resolution import Recommendation
from keras_multiclass._network.compile import CompileArguments, CompileSpec, MetricMode
from keras_multiclass._shared.typing import History
from keras_multiclass._training.calibration import temperature_of


@dataclass(frozen=True)
class FittedState:
    """What a fitted classifier remembers besides its public attributes.

    Attributes
    ----------
    codec : TargetCodec
        The classes or labels.
    features : FeatureSchema
        Checks X.
    compile_spec : CompileSpec
        Compiles the network.
    compile_arguments : mapping
        What the user asked to compile with.
    seed : int
        Seed of all runs of this network.
    dtype : str
        Dtype policy of the network.
    input_names : tuple of str or None
        Names of the inputs of the backbone, if X is a table.
    resolved_params : mapping or None
        What a new network was trained with; None if it was trained elsewhere.
    structure : mapping
        The parameters that determine the network, see `structure_of`.
    run : str
        Name of the folder of TensorBoard logs.
    thresholds : ndarray or None
        Probabilities above which labels are predicted; None if each row has one class.
    recommendation : Recommendation or None
        The backbone, and what it recommended for the rows that the network was built for.
    """

    codec: TargetCodec
    features: FeatureSchema
    compile_spec: CompileSpec
    compile_arguments: CompileArguments
    seed: int
    dtype: str
    structure: Mapping[str, object]
    input_names: tuple[str, ...] | None = None
    resolved_params: Mapping[str, object] | None = None
    run: str = field(default_factory=name_of_run)
    thresholds: np.ndarray | None = None
    recommendation: Recommendation | None = None

    @property
    def n_ensemble(self) -> int:
        """Number of networks side by side."""
        n_ensemble = (self.resolved_params or {}).get("n_ensemble", 1)
        assert isinstance(n_ensemble, int)
        return n_ensemble


@dataclass(frozen=True)
class TrainingRecord:
    """What all training runs of a network have logged.

    Attributes
    ----------
    history : dict of str to list
        One list per logged quantity.
    n_epochs : int
        Number of epochs.
    metric_modes : mapping of str to {"min", "max", None}
        For each of them whether lower or higher values are better, if known.
    validated_epochs : tuple of int
        Epochs, counted from 1, whose validation is in `history`.
    engine : str
        The engine of the last run.
    engine_reason : str
        Why it was this one.
    """

    history: History = field(default_factory=dict)
    n_epochs: int = 0
    metric_modes: Mapping[str, MetricMode] = field(default_factory=dict)
    validated_epochs: tuple[int, ...] = ()
    engine: str = ""
    engine_reason: str = ""

    def extended(self, later: TrainingRecord) -> TrainingRecord:
        """Append the record of a later run."""
        history = {name: [*values] for name, values in self.history.items()}
        for name, values in later.history.items():
            history.setdefault(name, []).extend(values)
        return replace(
            later,
            history=history,
            n_epochs=self.n_epochs + later.n_epochs,
            metric_modes={**self.metric_modes, **later.metric_modes},
            validated_epochs=self.validated_epochs + later.validated_epochs,
        )

    def attributes(self) -> dict[str, object]:
        """Return the attributes of the fitted estimator that change with every epoch."""
        return {
            "history_": self.history,
            "n_iter_": self.n_epochs,
            "validated_epochs_": list(self.validated_epochs),
            "metric_modes_": dict(self.metric_modes),
        }


def name_modes(modes: Mapping[str, MetricMode], history: History) -> dict[str, MetricMode]:
    """Return the modes of all quantities of a history, from those of the metrics.

    Parameters
    ----------
    modes : mapping of str to {"min", "max", None}
        By the names of loss and metrics.
    history : dict of str to list
        Its names are those, with or without ``val_``.
    """
    return {name: modes.get(name, modes.get(name.removeprefix("val_"))) for name in history}


@dataclass(frozen=True)
class FittedNetwork:
    """A network, trained or ready for training, with its private state and its history.

    Attributes
    ----------
    model : keras.Model
        The compiled network.
    state : FittedState
        The private fitted state.
    loss : keras.losses.Loss or None
        What the classifier compiled the network with; a callback may have compiled it again.
    record : TrainingRecord
        What training has logged.
    callbacks : tuple of keras.callbacks.Callback
        The user's callbacks of the last run.
    """

    model: keras.Model
    state: FittedState
    loss: Any
    record: TrainingRecord = field(default_factory=TrainingRecord)
    callbacks: tuple[keras.callbacks.Callback, ...] = ()

    def attributes(self) -> dict[str, object]:
        """Return the attributes of the fitted estimator, by name."""
        state, features = self.state, self.state.features
        temperature = temperature_of(self.model)
        optional = {
            "feature_names_in_": features.feature_names_in,
            "input_offset_": features.offset_values,
            "network_feature_names_": None
            if state.input_names is None
            else np.array(state.input_names, dtype=object),
            "resolved_params_": None
            if state.resolved_params is None
            else dict(state.resolved_params),
            "temperature_": temperature,
            "text_vectorizer_": features.vectorizer,
            "n_features_in_": features.n_features_in if features.n_axes > 1 else None,
            "thresholds_": state.thresholds,
        }
        return {
            "classes_": state.codec.classes,
            "n_classes_": state.codec.n_classes,
            "input_shape_": features.row_shape,
            "model_": self.model,
            "loss_": self.loss,
            "callbacks_": list(self.callbacks),
            **self.record.attributes(),
            "engine_": self.record.engine,
            "engine_reason_": self.record.engine_reason,
            "_state": state,
            **{name: value for name, value in optional.items() if value is not None},
        }
