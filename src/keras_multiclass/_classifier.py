"""The estimator: its parameters, and the orchestration of fit and predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from keras_multiclass._compiling import PackedModel
from keras_multiclass._fitting import FitRequest, FittedState, run_fit
from keras_multiclass._inputs import check_features
from keras_multiclass._runtime import array_dtype, keras_environment, start_quietly
from keras_multiclass._seeding import seeded
from keras_multiclass._settings import (
    is_routed,
    resolve_settings,
    routed_parameter_fault,
    routed_parameters,
)
from keras_multiclass._snapshot import LayerSnapshot
from keras_multiclass._typing import ArrayLike
from keras_multiclass.engine import KerasEngine
from keras_multiclass.objective import to_log_probabilities, to_logits, to_probabilities


class KerasMulticlassClassifier(ClassifierMixin, BaseEstimator):
    """DOC"""

    def __init__(
        self,
        backbone: Any = "auto",
        *,
        model: Any = None,
        loss: Any = "auto",
        optimizer: Any = "adam",
        metrics: Any = None,
        callbacks: Any = None,
        class_weight: Any = None,
        epochs: int = 100,
        batch_size: int | str = "auto",
        validation_split: float | None = None,
        early_stopping: Any = False,
        shuffle: bool = True,
        standardize: bool | str = "auto",
        warm_start: bool = False,
        dtype: str = "float32",
        random_state: Any = None,
        verbose: int = 0,
        **routed: Any,
    ) -> None:
        self.backbone = backbone
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.metrics = metrics
        self.callbacks = callbacks
        self.class_weight = class_weight
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.early_stopping = early_stopping
        self.shuffle = shuffle
        self.standardize = standardize
        self.warm_start = warm_start
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose
        for name, value in routed.items():
            if not is_routed(name):
                raise TypeError(routed_parameter_fault(name, self._get_param_names()))
            setattr(self, name, value)

    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get all parameters, the routed ones (``optimizer__learning_rate``) included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add the parameters of parameters that are estimators themselves.

        Returns
        -------
        dict
            Values by name.
        """
        return {**super().get_params(deep=deep), **routed_parameters(self)}

    def set_params(self, **params: Any) -> Self:
        """Set parameters; routed ones need not have been given before.

        Parameters
        ----------
        **params : dict
            Values by name, for example ``epochs=20`` or ``backbone__hidden_units=(64,)``.

        Returns
        -------
        KerasMulticlassClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If there is no parameter of a name; nothing has been set then.
        """
        own = self._get_param_names()
        for name in params:
            if name not in own and not is_routed(name):
                raise ValueError(routed_parameter_fault(name, own))
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_clone__(self) -> Self:
        # scikit-learn copies parameters deeply. Keras objects are never changed by `fit`, so
        # they are shared: some Keras models cannot be copied, and none is cheap to copy.
        shared = {name: v for name, v in self.get_params(deep=False).items() if _is_keras(v)}
        bare = self._twin(keep_fitted=False)
        vars(bare).update(dict.fromkeys(shared))
        return super(KerasMulticlassClassifier, bare).__sklearn_clone__().set_params(**shared)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.target_tags.one_d_labels = True
        return tags

    # Training

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """DOCFIT"""
        resume = bool(self.warm_start) and hasattr(self, "model_")
        return self._run(
            FitRequest(X, y, sample_weight, X_val, y_val, sample_weight_val, resume=resume)
        )

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """DOCPARTIAL"""
        if isinstance(self.class_weight, str):
            raise ValueError(
                "`class_weight` must be None or a dict for partial_fit; got "
                f"{self.class_weight!r}, which needs all the data. Compute the weights over all "
                "the data with sklearn.utils.class_weight.compute_class_weight and pass them as "
                "a dict."
            )
        resume = hasattr(self, "model_")
        return self._run(
            FitRequest(
                X, y, sample_weight, classes=classes, task="partial_fit", resume=resume
            )
        )

    def initialize(self, X: ArrayLike, y: ArrayLike) -> Self:
        """DOCINIT"""
        return self._run(FitRequest(X, y, task="initialize"))

    def _run(self, request: FitRequest) -> Self:
        twin = self._twin(keep_fitted=request.resume)
        run_fit(twin, request)
        for name in [name for name in vars(self) if _is_fitted(name)]:
            delattr(self, name)
        vars(self).update({k: v for k, v in vars(twin).items() if _is_fitted(k)})
        return self

    def _twin(self, keep_fitted: bool) -> Self:
        """Make an estimator with the same parameters that shares them, not the attributes."""
        twin = object.__new__(type(self))
        kept = {k: v for k, v in vars(self).items() if keep_fitted or not _is_fitted(k)}
        vars(twin).update(kept)
        return twin

    @property
    def current_epoch(self) -> int:
        """Number of epochs that the fitted model was trained for; 0 before ``fit``."""
        return getattr(self, "n_iter_", 0)

    # Prediction

    def predict(self, X: ArrayLike) -> np.ndarray:
        """DOCPREDICT"""
        return self._state_().codec.decode(self.predict_proba(X).argmax(axis=1))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """DOCPROBA"""
        raw = self._raw_output(X)
        return to_probabilities(raw, self._state.recipe.output_form)

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """DOCLOGPROBA"""
        raw = self._raw_output(X)
        return to_log_probabilities(raw, self._state.recipe.output_form)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """DOCDECISION"""
        logits = to_logits(self._raw_output(X), self._state.recipe.output_form)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """DOCSCORE"""
        codec = self._state_().codec
        if codec.form == "vector":
            return float(super().score(X, y, sample_weight))
        predicted = self.predict_proba(X).argmax(axis=1)
        return float(accuracy_score(codec.encode(y), predicted, sample_weight=sample_weight))

    def _state_(self) -> FittedState:
        check_is_fitted(self)
        return self._state

    def _raw_output(self, X: ArrayLike) -> np.ndarray:
        state = self._state_()
        settings = resolve_settings(self.get_params(deep=False), routed_parameters(self))
        start_quietly()
        X = check_features(
            self, X, reset=False, dtype=array_dtype(state.dtype), tokens=state.reads_tokens
        )
        with keras_environment(state.dtype):
            return KerasEngine().predict(self.model_, X, settings.predict_batch_size)

    # Persistence

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "model_" in state:
            with keras_environment(self._state.dtype):
                state["model_"] = PackedModel.pack(self.model_, self._state.recipe)
            del state["loss_"]
        for name, value in state.items():
            if isinstance(value, keras.Layer):
                state[name] = LayerSnapshot.take(value)
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        restored = {
            name: value.restore() if isinstance(value, LayerSnapshot) else value
            for name, value in state.items()
        }
        if "model_" in restored:
            start_quietly()
            with keras_environment(restored["_state"].dtype), seeded(0):
                restored["model_"] = restored["model_"].unpack()
            restored["loss_"] = restored["model_"].loss
        super().__setstate__(restored)


def _is_fitted(name: str) -> bool:
    return name == "_state" or (name.endswith("_") and not name.startswith("_"))


def _is_keras(value: Any) -> bool:
    return isinstance(value, keras.Layer)
