"""What both classifiers have in common: parameters and public methods."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self, cast

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from keras_multiclass._data.frames import with_index_of
from keras_multiclass._data.labels.by_label import thresholds_of_labels
from keras_multiclass._data.streams.evaluation import evaluate_stream
from keras_multiclass._data.streams.stream import is_stream
from keras_multiclass._interop.html_repr import NotebookMixin
from keras_multiclass._interop.sklearn_callbacks import (
    CallbackSupportMixin,
    has_sklearn_callbacks,
    report_epochs,
)
from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._network.compiled_model import PackedModel
from keras_multiclass._network.objective import Objective
from keras_multiclass._shared.interrupts import interruptible, shielded
from keras_multiclass._shared.keras.copying import copy_state, sharing_with
from keras_multiclass._shared.keras.environment import keras_environment, start_quietly
from keras_multiclass._shared.keras.pickling import pack_parameters
from keras_multiclass._shared.keras.versions import current_versions, naming_versions
from keras_multiclass._shared.seeding import seeded
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass._shared.typing import ArrayLike, History
from keras_multiclass._training.callers import is_called_by_user
from keras_multiclass._training.engine.compiled import check_compiled
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.fitted import FittedNetwork, FittedState, TrainingRecord
from keras_multiclass._training.parameter_checks import resolve_prediction
from keras_multiclass._training.parameter_names import unknown_parameters
from keras_multiclass._training.prediction import Predictor
from keras_multiclass._training.reading.rows import check_not_given_beside_stream
from keras_multiclass._training.request import FitRequest
from keras_multiclass._training.run import Observer, Train, run_fit
from keras_multiclass._training.task import Task
from keras_multiclass._training.unknown_arguments import reported_together


class KerasClassifierBase(NotebookMixin, CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """What the classifiers have in common: their parameters and methods."""

    _task: Task
    _reads_streams = True  # which reports by cross-validation ask for

    def __init__(
        self,
        backbone: Any = "auto",
        *,
        model: Any = None,
        preset: str | None = None,
        loss: Any = "auto",
        optimizer: Any = "auto",
        metrics: Any = None,
        callbacks: Any = None,
        class_weight: Any = None,
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        validation_split: Any = None,
        early_stopping: Any = "auto",
        shuffle: bool = True,
        scaling: Any = "auto",
        categorical_features: Any = "from_dtype",
        layout: str = "channels_last",
        image_size: Any = "auto",
        augmentation: Any = None,
        text_features: Any = "from_dtype",
        text_vectorizer: Any = "auto",
        n_ensemble: int | str = "auto",
        calibration: str | None = "auto",
        fine_tuning: Any = None,
        warm_start: bool = False,
        dtype: str = "float32",
        engine: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
        # All routed parameters. The name has a valid prefix because scikit-learn's checks pass it
        # as a parameter.
        **backbone__arguments: Any,
    ) -> None:
        self.backbone = backbone
        self.model = model
        self.preset = preset
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
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.layout = layout
        self.image_size = image_size
        self.augmentation = augmentation
        self.text_features = text_features
        self.text_vectorizer = text_vectorizer
        self.n_ensemble = n_ensemble
        self.calibration = calibration
        self.fine_tuning = fine_tuning
        self.warm_start = warm_start
        self.dtype = dtype
        self.engine = engine
        self.random_state = random_state
        self.verbose = verbose
        if message := unknown_parameters(backbone__arguments, self._get_param_names()):
            raise TypeError(message)
        self._routed = backbone__arguments

    # Parameters

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # Include parameters that a subclass accepts through `**kwargs`: scikit-learn would omit
        # them, and `clone` would lose them.
        return sorted(accepted_parameters(cls).names)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get all parameters, including routed ones such as ``optimizer__learning_rate``.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of parameters that are estimators.

        Returns
        -------
        dict
            Parameter names mapped to their values.
        """
        return {**super().get_params(deep=deep), **self._routed}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, including routed ones.

        Parameters
        ----------
        **params : dict
            Parameters by name, for example ``epochs=20`` or ``backbone__hidden_units=(64,)``.

        Returns
        -------
        self
            The estimator itself.

        Raises
        ------
        ValueError
            If parameters do not exist; no parameter is set then.
        """
        own = self._get_param_names()
        if message := unknown_parameters(params, own):
            raise ValueError(message)
        for name, value in params.items():
            if name in own:
                setattr(self, name, value)
        routed = {name: value for name, value in params.items() if name not in own}
        self._routed = {**self._routed, **routed}
        return self

    def __sklearn_clone__(self) -> Self:
        # scikit-learn deep-copies parameters one by one, which Keras' classes do not support.
        # All are copied together here, so that what they share remains shared.
        params = self.get_params(deep=False)
        objects = {name: value for name, value in params.items() if not isinstance(value, _ATOMS)}
        bare = self._copy_parameters()
        bare.set_params(**dict.fromkeys(objects))
        cloned = super(KerasClassifierBase, bare).__sklearn_clone__()
        return cloned.set_params(**copy_state(objects))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = tags.input_tags.categorical = self._reads_tables()
        tags.target_tags.one_d_labels = True
        return tags

    def _reads_tables(self) -> bool:
        try:
            return NetworkParameters(self.backbone, self.model).reads_tables
        except (ValueError, TypeError):  # `fit` reports invalid backbones
            return False

    # Training

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train a new network, or continue with the last one if ``warm_start=True``.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features: a table, sequences of shape (n_samples, n_steps, n_features), a list of
            sequences of unequal length, images of shape (n_samples, height, width[, channels]), or
            texts, strings of shape (n_samples,); a missing text is an empty one. Or paths of image
            files of shape (n_samples,), see `images_from_directory`: ``os.PathLike``, or strings
            that all end in .png, .jpg, .jpeg, .bmp or .gif. A dict of these, or `Inputs`, for
            several inputs. Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``: a ``tf.data.Dataset``, a ``keras.utils.PyDataset``, a
            function that returns a new iterator on each call, or any other object that can be
            iterated over repeatedly. It is read batch by batch in its own order, once before the
            first epoch and once per epoch. Iterators and infinite streams need
            ``fit__steps_per_epoch``.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels of any type, a one-hot matrix or data frame, or soft labels: the probability of
            each class in each row. None only if `X` is a stream.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights. The weights of a stream are part of its batches.
        X_val, y_val : array-like, default=None
            Validation data to use instead of a split, in the same format as `X` and `y`. Without
            `y_val`, `X_val` may be a finite stream, or a tuple ``(X_val, y_val)`` or
            ``(X_val, y_val, sample_weight_val)``. Pass a tuple to searches and cross-validation,
            which select the rows of a fold from arrays that have as many rows as `X`.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Sample weights of the validation data.
        classes : array-like of shape (n_classes,), default=None
            All class labels, in any order, if `y` may lack some, as a fold of cross-validation
            does. `classes_` are then these, and a class without rows gets the probability that the
            network gives it. They name the columns of a one-hot or indicator matrix, in their
            order.
        groups : array-like of shape (n_samples,), default=None
            The group of each row, such as a patient, for a splitter in `validation_split` that
            keeps groups together.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an array is invalid. A previously fitted estimator is unchanged.
        DivergenceError
            If the loss becomes NaN or infinite.
        EngineError
            If ``engine="graph"`` and the graph engine cannot train this network, or if
            ``compile__jit_compile=True`` and XLA cannot compile it.

        Warns
        -----
        TrainingInterruptedWarning
            If training is interrupted (Ctrl-C) after at least one epoch. The weights reached so
            far are kept if you call `fit` yourself, or that of a pipeline. If another package
            calls it, such as a search, an ensemble or cross-validation, or if it runs in a worker
            process, ``KeyboardInterrupt`` is raised instead, so that everything stops.
        UserWarning
            If `model` overrides methods that are not called, such as ``fit``, or if a
            ``BackupAndRestore`` callback leaves no epochs to train.
        """
        resume = bool(self.warm_start) and hasattr(self, "model_")
        return self._run(
            FitRequest(
                *(X, y, sample_weight, X_val, y_val, sample_weight_val),
                classes=classes,
                groups=groups,
                resume=resume,
                keeps_interrupted=is_called_by_user(),
            )
        )

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on a part of the data.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features, or a stream of batches as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels; None only if `X` is a stream.
        classes : array-like of shape (n_classes,), default=None
            All class labels. Required in the first call unless its `y` contains them all.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            As for `fit`, and if ``class_weight="balanced"``, which needs all the data.
        KeyboardInterrupt
            If training is interrupted (Ctrl-C). As after all errors, the estimator is unchanged.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                "`class_weight` must be None or a dict for partial_fit; got "
                f"{self.class_weight!r}, which needs all the data. {self._task.balanced_cure}"
            )
        resume = hasattr(self, "model_")
        return self._run(
            FitRequest(X, y, sample_weight, classes=classes, task="partial_fit", resume=resume)
        )

    def initialize(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Build and compile the network without training it.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features, or a stream of batches as in `fit`. They determine shapes and scaling.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels, which determine the classes. None only if `X` is a stream.

        Returns
        -------
        self
            The estimator, ready for `predict` and `partial_fit`.

        Raises
        ------
        ValueError, TypeError
            As for `fit`.
        """
        return self._run(FitRequest(X, y, task="initialize"))

    def _run(self, request: FitRequest) -> Self:
        """Carry out a request; if it fails, the estimator is unchanged.

        Threads that train the same estimator take turns.
        """
        with _lock_of(self), shielded():
            previous = self._fitted_network() if request.resume else None
            observes = request.task == "fit" and has_sklearn_callbacks(self)
            observer = self._observer(request) if observes else None
            parameters = self._fit_parameters(self._task)
            self._set_fitted(run_fit(parameters, request, previous, observer))
        return self

    def _fit_parameters(self, task: Task) -> FitParameters:
        values = self.get_params(deep=False)
        with reported_together(values, self._routed, task.any_objective):
            return FitParameters.check(values, self._routed, type(self).__name__, task)

    def _fitted_network(self) -> FittedNetwork:
        check_compiled(
            self.model_,
            self.loss_,
            "`model_`",
            "Pass loss=classifier.loss_ and an optimizer to model_.compile, or set the parameters "
            "`loss` and `optimizer` instead.",
        )
        record = TrainingRecord(
            self.history_,
            self.n_iter_,
            self.metric_modes_,
            tuple(self.validated_epochs_),
            self.engine_,
            self.engine_reason_,
        )
        state = replace(self._state, thresholds=self._current_thresholds())
        return FittedNetwork(self.model_, state, self.loss_, record)

    def _set_fitted(self, network: FittedNetwork) -> None:
        others = {name: value for name, value in vars(self).items() if not _is_fitted(name)}
        self.__dict__ = {**others, **network.attributes()}  # at once, also for other threads

    def _observer(self, request: FitRequest) -> Observer:
        """Return what reports the epochs of a run to scikit-learn's callbacks."""
        metadata = {"sample_weight": request.sample_weight, "groups": request.groups}
        given = {name: value for name, value in metadata.items() if value is not None}
        data = {
            "X": lambda: request.X,  # scikit-learn would call a function that is a stream
            "y": request.y,
            "metadata": given or None,
        }

        def observe(
            network: FittedNetwork,
            epochs: int,
            progress: Callable[[History, int], dict[str, object]],
            train: Train,
        ) -> FittedNetwork:
            visible = self._copy_parameters()
            visible._set_fitted(network)

            def train_and_set(tasks: keras.callbacks.Callback) -> FittedNetwork:
                trained = train((tasks,))
                visible._set_fitted(trained)
                return trained

            return cast(
                FittedNetwork, report_epochs(visible, epochs, data, progress, train_and_set)
            )

        return observe

    def _copy_parameters(self) -> Self:
        """Return an unfitted estimator that shares the parameters, and scikit-learn's callbacks."""
        copied = object.__new__(type(self))
        copied.__dict__.update({k: v for k, v in vars(self).items() if not _is_fitted(k)})
        return copied

    @property
    def current_epoch(self) -> int:
        """Number of epochs the model has been trained for; 0 before ``fit``."""
        return getattr(self, "n_iter_", 0)

    # Prediction

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable label of each row.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features, as in `fit`. Or a stream, read once: its batches are ``X``, ``(X, y)`` or
            ``(X, y, sample_weight)``, of which only ``X`` counts.

        Returns
        -------
        ndarray of shape (n_samples,), or a one-hot matrix or data frame
            Predicted labels, in the format of the `y` passed to `fit`. A pandas frame has the
            index of X if that is one, too.
        """
        encoded = self._predict_encoded(X)
        return with_index_of(X, self._state.codec.decode(encoded))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features, as in `fit`. Or a stream, read once: its batches are ``X``, ``(X, y)`` or
            ``(X, y, sample_weight)``, of which only ``X`` counts.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of `classes_`. Each row sums to 1.
        """
        return self._predict(X, lambda objective, raw: objective.probabilities(raw))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict the logarithm of class probabilities.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features, as in `fit`. Or a stream, read once: its batches are ``X``, ``(X, y)`` or
            ``(X, y, sample_weight)``, of which only ``X`` counts.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities, in the order of `classes_`.
        """
        return self._predict(X, lambda objective, raw: objective.log_probabilities(raw))

    def decision_function(self, X: Any) -> np.ndarray:
        """Compute the logits.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features, as in `fit`. Or a stream, read once: its batches are ``X``, ``(X, y)`` or
            ``(X, y, sample_weight)``, of which only ``X`` counts.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Logits, in the order of `classes_`; for two classes, the logit of the second minus
            that of the first.
        """
        return self._predict(X, lambda objective, raw: objective.decisions(raw))

    def score(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Compute the accuracy on the given data.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features, as in `fit`. Or a stream of batches ``(X, y)`` or ``(X, y, sample_weight)``,
            read once.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            True labels. Of soft labels, the largest is the true one. None only if `X` is a stream.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights. The weights of a stream are part of its batches.

        Returns
        -------
        float
            Fraction of correctly predicted rows.
        """
        codec = self._fitted_state().codec
        if not is_stream(X):
            return codec.accuracy(y, self.predict(X), sample_weight)
        check_not_given_beside_stream("X", y=y, sample_weight=sample_weight)
        y, sample_weight, (predicted,) = evaluate_stream(X, lambda X: (self.predict(X),))
        return codec.accuracy(y, predicted, sample_weight)

    def _fitted_state(self) -> FittedState:
        check_is_fitted(self)
        return self._state

    def _current_thresholds(self) -> np.ndarray | None:
        """Return the thresholds, which the user may have changed; None if rows have one class."""
        check_is_fitted(self)
        fitted = vars(self)  # `fit` in another thread replaces all of it
        state, thresholds = fitted["_state"], fitted.get("thresholds_")
        if state.thresholds is None:
            return None
        return thresholds_of_labels(thresholds, state.codec.classes, "`thresholds_`")

    def _predict_encoded(self, X: Any) -> np.ndarray:
        """Predict encoded labels, without all probabilities at once."""
        thresholds = self._current_thresholds()
        if type(self).predict_proba is not KerasClassifierBase.predict_proba:  # a subclass's
            probabilities = np.asarray(self.predict_proba(X))
            state = self._state
            return state.compile_spec.objective.choose(probabilities, thresholds)

        def choose(objective: Objective, raw: np.ndarray) -> np.ndarray:
            return objective.choose(objective.probabilities(raw), thresholds)

        return self._predict(X, choose)

    def _predict(
        self, X: Any, convert: Callable[[Objective, np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Compute the raw output of the network and convert it, some rows at a time."""
        fitted = vars(self)  # `fit` in another thread replaces all of it
        if "_state" not in fitted:
            check_is_fitted(self)
        engine, batch_size = resolve_prediction(self.engine, self._routed)
        predictor = Predictor(fitted["_state"], fitted["model_"], engine, batch_size)
        return predictor.predict(X, convert)

    # Persistence

    def __getstate__(self) -> dict[str, Any]:
        state = {
            **super().__getstate__(),
            "_format": _PICKLE_FORMAT,
            "_versions": current_versions(),
        }
        if "model_" in state:
            with shielded(), keras_environment(self._state.dtype), interruptible():
                state["model_"] = PackedModel.pack(self.model_, self._state.compile_spec)
            del state["loss_"]
        # Packed together, so that what they share remains shared.
        names = {*self._get_param_names(), "_routed", *filter(_is_fitted, state)} - {"model_"}
        objects = {n: v for n, v in state.items() if n in names or isinstance(v, keras.Layer)}
        packed = pack_parameters(objects)
        return {**{n: v for n, v in state.items() if n not in objects}, "_objects": packed}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        pickle_format = state.get("_format")
        if pickle_format != _PICKLE_FORMAT:
            raise ValueError(
                f"The format of a saved {type(self).__name__} must be {_PICKLE_FORMAT} for "
                f"this version of keras-multiclass; got {pickle_format}. "
                + (
                    "A development version saved it: fit the classifier again."
                    if pickle_format is None or pickle_format < _PICKLE_FORMAT
                    else "Upgrade keras-multiclass to the version that saved it."
                )
            )
        with naming_versions(state.get("_versions", {})):
            restored = {**state, **state["_objects"].unpack()}
            if "model_" in restored:
                start_quietly()
                with (
                    shielded(),
                    keras_environment(restored["_state"].dtype),
                    seeded(0),
                    sharing_with(restored["callbacks_"]),
                    interruptible(),
                ):
                    restored["model_"] = restored["model_"].unpack(restored["_state"].compile_spec)
                    if state.get("_versions") != current_versions():
                        _run_once(restored["model_"], restored["_state"])
                restored["loss_"] = restored["model_"].loss
        for name in ("_format", "_versions", "_objects"):
            restored.pop(name, None)
        super().__setstate__(restored)


# Incremented whenever the attributes of a fitted classifier change, so that an older version of the
# package rejects what it cannot read.
_PICKLE_FORMAT = 8

# Estimators with locks as attributes could not be copied or pickled.
_locks: weakref.WeakKeyDictionary[KerasClassifierBase, threading.RLock] = (
    weakref.WeakKeyDictionary()
)
_locking = threading.Lock()


def _lock_of(estimator: KerasClassifierBase) -> threading.RLock:
    with _locking:
        return _locks.setdefault(estimator, threading.RLock())


_ATOMS = (str, int, float, bool, type(None))


def _run_once(model: keras.Model, state: FittedState) -> None:
    """Run a network on a row of zeros: what another version of Keras saved may fail only then."""
    features = state.features
    with warnings.catch_warnings():  # of the structure that some versions give single inputs
        warnings.simplefilter("ignore")
        shape = [size or 1 for size in features.network_shape]
        blank, dtype = ("", "O") if features.input_dtype == "string" else (0, features.input_dtype)
        rows = np.full((1, *shape), blank, dtype)
        model(keras.ops.convert_to_tensor(rows), training=False)


def _is_fitted(name: str) -> bool:
    return name == "_state" or (name.endswith("_") and not name.startswith("_"))
