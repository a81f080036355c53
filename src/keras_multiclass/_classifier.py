"""The estimator: parameters and public methods."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Self, cast

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from keras_multiclass._interop.html_repr import NotebookMixin
from keras_multiclass._interop.scikeras import (
    check_scikeras_classifier,
    convert_parameters,
    read_fit,
)
from keras_multiclass._interop.sklearn_callbacks import (
    CallbackSupportMixin,
    has_sklearn_callbacks,
    report_epochs,
)
from keras_multiclass._network.backbone_resolution import BackboneParameter
from keras_multiclass._network.compile import PackedModel
from keras_multiclass._network.objective import (
    OutputForm,
    to_log_probabilities,
    to_logits,
    to_probabilities,
)
from keras_multiclass._shared.interrupts import interruptible, shielded
from keras_multiclass._shared.keras.environment import keras_environment, start_quietly
from keras_multiclass._shared.keras.pickling import pack_parameters
from keras_multiclass._shared.keras.state import copy_state, linked_to
from keras_multiclass._shared.keras.versions import current_versions, naming_versions
from keras_multiclass._shared.seeding import seeded
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass._shared.typing import ArrayLike, History
from keras_multiclass._training.adopt_scikeras import adopt_fit
from keras_multiclass._training.callers import is_called_by_user
from keras_multiclass._training.engine import predict
from keras_multiclass._training.fitted import FittedNetwork, FittedState, TrainingRecord
from keras_multiclass._training.parameter_names import unknown_parameters
from keras_multiclass._training.parameters import FitParameters
from keras_multiclass._training.request import FitRequest
from keras_multiclass._training.run import Observer, Train, run_fit
from keras_multiclass._training.settings import resolve_prediction
from keras_multiclass._training.unknown_arguments import reported_together


class KerasMulticlassClassifier(
    NotebookMixin, CallbackSupportMixin, ClassifierMixin, BaseEstimator
):
    """Multi-class classifier that trains a Keras network.

    Pass features, labels and, optionally, the hidden part of a network (a *backbone*). The
    classifier encodes the labels, adds the output layer and chooses a loss that matches both.
    It trains and predicts like any other scikit-learn classifier.

    Parameters
    ----------
    backbone : str, callable, keras.Model or keras.Layer, default="auto"
        Hidden part of the network, from inputs to features.

        - ``"auto"``: ``"realmlp_small"`` for tables (2-d X; ``"mlp"`` for more than 1000
          columns), ``"conv1d"`` for sequences of vectors (3-d X), ``"cnn"`` for images (4-d and
          5-d X, and 3-d X whose rows are squares of at least 8 x 8, with a warning).
        - The name of a registered backbone, see `list_backbones`. A sequence backbone reads 2-d
          X as token ids, with 0 as padding, and embeds them.
        - A function ``(inputs, **params) -> tensor`` of Keras tensors that returns features of
          shape (batch, n_features). For sequences, a parameter named ``mask`` receives the mask
          of the steps that are not padding. Padding is zeros at the end, unless other steps of
          the training rows are all zero, too.
        - A headless ``keras.Model`` or ``keras.Layer``. Each fit trains a copy that starts from
          its weights; the original is never changed.
    model : callable or keras.Model, default=None
        Complete network, used instead of a backbone: a function that returns one, as in SciKeras
        (it may take ``meta``, ``compile_kwargs``, ``params`` and its own arguments), or a
        ``keras.Model``, which is copied for each fit together with its weights and the state of
        its optimizer. The output layer must have one unit per class (softmax or logits) or, for
        two classes, a single unit (sigmoid or logit). If the network is compiled, its ``compile``
        arguments replace the defaults. A custom ``train_step``, ``test_step`` or ``predict_step``
        is called; a custom ``fit`` or ``predict`` is not.
    loss : str, keras.losses.Loss, class or callable, default="auto"
        Loss function; ``"auto"`` is cross-entropy. The loss is given what it expects: class
        indices or one-hot targets, logits or probabilities.
    optimizer : str, keras.optimizers.Optimizer or class, default="auto"
        Optimizer. ``"auto"`` uses the backbone's default, or Adam if it has none. Instances are
        copied for each fit.
    metrics : str, keras.metrics.Metric, class, callable, or list or dict of these, default=None
        Metrics to report for each epoch in addition to the loss. They are computed over all rows
        of the epoch and use sample weights.

        - ``"accuracy"``, ``"top_3_accuracy"`` (any number), ``"balanced_accuracy"``,
          ``"cohen_kappa"``, ``"matthews_correlation"``, ``"crossentropy"``.
        - ``"macro_f1"``, ``"weighted_f1"``, ``"micro_f1"``, and likewise for ``precision`` and
          ``recall``; ``"macro_auc"`` and ``"weighted_auc"``, each class against the rest.
          scikit-learn's names (``"f1_macro"``, ``"roc_auc_ovr"``, ...) are accepted too.
        - ``"per_class_recall"``, ``"per_class_precision"``, ``"per_class_f1"`` and
          ``"per_class_auc"``: one value per class, reported as ``"recall/<label>"``.
        - Any Keras metric by name, class or instance, or a function ``(y_true, y_pred)``.
    callbacks : str, keras.callbacks.Callback, class, or list or dict of these, default=None
        Keras callbacks. Instances are used directly, not copied; ``clone`` copies them.
        ``"tensorboard"`` adds per-class precision, recall and F1 to the metrics and logs
        everything in `history_`. Each fit logs to its own subfolder of ``"logs"``, or of
        ``callbacks__tensorboard__log_dir``.
    class_weight : dict or "balanced", default=None
        Class weights, ``{label: weight}``, multiplied with `sample_weight`. ``"balanced"`` gives
        every class the same total weight.
    epochs : int or "auto", default="auto"
        Number of passes over the training rows. ``"auto"`` uses the backbone's default, or 100
        if it has none. Here and in all integer parameters, floats such as ``20.0`` are accepted.
    batch_size : int or "auto", default="auto"
        Number of rows per step, or -1 for all rows. ``"auto"`` uses the backbone's default or, if
        it has none, the power of two nearest to 1/32 of the number of rows, between 64 and 1024.
        Must be ``"auto"`` for streams, which yield their own batches.
    validation_split : float, default=None
        Fraction of the rows to hold out for validation; the split is stratified and shuffled.
    early_stopping : bool, int, dict or "auto", default="auto"
        Whether to stop when the validation loss has not improved for 10 epochs (or the given
        number of epochs) and restore the weights of the best epoch. Holds out a tenth of the
        rows unless `validation_split` or validation data are given. If the optimizer follows a
        schedule over all epochs, as for ``"realmlp"``, True trains for all of them and then
        restores the best. A dict holds arguments for
        ``keras.callbacks.EarlyStopping``, such as ``{"monitor": "val_macro_f1"}``; any of the
        `metrics` can be monitored, and ``mode`` is inferred from the metric. ``"auto"`` uses the
        backbone's default, or False if it has none.
    shuffle : bool, default=True
        Whether to shuffle the training rows before each epoch. Streams keep their order.
    scaling : {"auto", "standard", "robust", "quantile"} or None, default="auto"
        How the network scales numeric features before the backbone. Statistics are those of the
        (weighted) training rows.

        - ``"standard"``: zero mean and unit variance.
        - ``"robust"``: zero median and unit interquartile range, then smoothly clipped to
          between -3 and 3. Tables only.
        - ``"quantile"``: the normal quantile of the value's rank. Tables only.
        - ``None``: no scaling.
        - ``"auto"``: the backbone's default, or ``"standard"`` if it has none; None if the
          backbone is a ``keras.Model`` or ``keras.Layer``. A complete `model` is never scaled.

        For streams, quantiles are approximated by those of a normal distribution.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns of a table are categorical; all others are numeric. ``"from_dtype"`` selects
        data frame columns of dtype category, string, bool, or object containing strings; None
        selects no columns. Otherwise a mask, indices or names of columns. Columns with up to 9
        categories are one-hot encoded, others are embedded. Categories that do not occur in the
        training rows are encoded as zeros.
    n_ensemble : int or "auto", default="auto"
        Number of networks trained together on the same batches, each with its own initial
        weights and dropout. Each trains as it would alone, and their probabilities are averaged.
        They share scaling and the embeddings of categories and token ids. ``"auto"`` uses the
        backbone's default, or 1 if it has none. Not supported with a complete `model`.
    calibration : {"temperature"} or None, default=None
        Whether to calibrate probabilities after training. ``"temperature"`` divides the logits
        by the number that minimizes the cross-entropy of the validation rows; predicted labels
        do not change. The validation rows are those of `early_stopping`, held out in the same
        way. `partial_fit` resets the temperature to 1. Not supported with a complete `model`.
    warm_start : bool, default=False
        Whether `fit` continues from the last fit instead of starting over. Optimizer, loss,
        metrics and callbacks follow their current values; the classes and the seed are those of
        the first fit. Parameters that determine the network (`backbone` or `model` and their
        arguments, `scaling`, `categorical_features`, `n_ensemble`, `dtype`) must not change.
    dtype : {"float32", "float64", "mixed_float16", "mixed_bfloat16"}, default="float32"
        Keras dtype policy of the network. Keras' global policy and float type have no effect; a
        fit warns of a global policy of lower precision.
    engine : {"auto", "graph", "keras"}, default="auto"
        Training loop. ``"graph"`` runs whole epochs inside TensorFlow's graph and reuses traces
        across fits, which makes small networks many times faster; ``"keras"`` runs Keras'
        training step batch by batch. ``"auto"`` uses ``"graph"`` unless something requires the
        Keras engine: callbacks that act on batches, ``run_eagerly``, a stream, X larger than a
        quarter of the memory, a model that cannot be traced, or another Keras backend. Results
        agree up to rounding.
    random_state : int, RandomState, Generator or None, default=None
        Seed of initial weights, validation split, row order and dropout.
    verbose : {0, 1, 2}, default=0
        0 is silent. 1 shows a live progress line with a bar and the time left, and ends with a
        summary. 2 prints one line per epoch.
    **backbone__arguments : dict
        Routed parameters. ``backbone__*`` and ``model__*`` are passed to the builder;
        ``optimizer__*``, ``loss__*``, ``metrics__*`` and ``callbacks__*`` to these objects
        (``optimizer__learning_rate``, ``callbacks__stop__patience``). ``compile__*`` accepts
        ``run_eagerly`` and ``jit_compile`` (whether XLA compiles the steps; by default only if
        training is long enough to benefit). ``fit__*`` accepts ``validation_freq``,
        ``validation_batch_size`` and, for streams, ``steps_per_epoch``. ``predict__batch_size``
        is the number of rows per prediction step: by default 128, or fewer if they take more than
        16 MiB. For both batch sizes, -1 means all rows. All are visible to `get_params`,
        `set_params` and grid search.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted; the column names if y was a one-hot data frame. The columns of
        `predict_proba` are in this order.
    n_classes_ : int
        Number of classes.
    n_features_in_ : int
        Size of the second axis of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X was a data frame whose column names are all strings: these names.
    input_shape_ : tuple of int
        Shape of one row of X.
    network_feature_names_ : ndarray of str
        Only for table backbones: names of the backbone's inputs, such as ``"age"``,
        ``"age_missing"``, ``"color_red"`` and ``"city_embedding0"``.
    resolved_params_ : dict
        Values used by the last new fit for parameters that were ``"auto"`` or not set, by
        parameter name.
    temperature_ : float
        Only with `calibration`: number by which logits are divided; above 1 if the network was
        overconfident.
    n_iter_ : int
        Number of epochs trained.
    history_ : dict of str to list
        Loss and metrics of each epoch; those of the validation data under ``val_*``.
    metric_modes_ : dict of str to {"min", "max"} or None
        Whether lower or higher values of each entry of `history_` are better; None if unknown.
    validated_epochs_ : list of int
        Epochs, counted from 1, after which validation ran: those of the ``val_*`` entries.
    input_offset_ : ndarray of shape (n_channels,)
        Only if some features vary too little for their size to be told apart in the network's
        dtype, such as Unix times in float32: what is subtracted from the last axis of X, in 64
        bits, before `model_` reads it; 0 for all other features.
    model_ : keras.Model
        Trained and compiled network. It takes raw X, minus `input_offset_` where that exists, and
        outputs logits if it was built from a backbone.
    engine_ : str
        Engine used last, ``"graph"`` or ``"keras"``; empty before any training.
    engine_reason_ : str
        Why this engine was used.
    callbacks_ : list of keras.callbacks.Callback
        The callbacks of the last run, in order: instances that were passed, and those built from
        names and classes.
    loss_ : keras.losses.Loss
        Loss used in training. It takes class indices and the output of `model_`.

    See Also
    --------
    register_backbone : Register a backbone under a name.
    sklearn.neural_network.MLPClassifier : Multi-layer perceptron of scikit-learn.

    Notes
    -----
    The loss of a batch is its weighted mean, rows of weight zero are dropped, and a batch is
    never larger than the data. Weighting a row therefore equals repeating it, and only the ratios
    of weights matter: very large and very small ones are divided by a common power of two.

    With scikit-learn 1.9 or newer, ``set_callbacks`` accepts scikit-learn's callbacks, such as
    ``sklearn.callback.ProgressBar``; `fit` notifies them after each epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from keras_multiclass import KerasMulticlassClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=False)
    >>> classifier = KerasMulticlassClassifier(epochs=60, random_state=0)
    >>> classifier.fit(X, y).score(X, y) > 0.9
    True
    >>> classifier.predict_proba(X[:2]).shape
    (2, 3)
    """

    def __init__(
        self,
        backbone: Any = "auto",
        *,
        model: Any = None,
        loss: Any = "auto",
        optimizer: Any = "auto",
        metrics: Any = None,
        callbacks: Any = None,
        class_weight: Any = None,
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        validation_split: float | None = None,
        early_stopping: Any = "auto",
        shuffle: bool = True,
        scaling: str | None = "auto",
        categorical_features: Any = "from_dtype",
        n_ensemble: int | str = "auto",
        calibration: str | None = None,
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
        self.n_ensemble = n_ensemble
        self.calibration = calibration
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
        KerasMulticlassClassifier
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
        cloned = super(KerasMulticlassClassifier, bare).__sklearn_clone__()
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
            return BackboneParameter(self.backbone, self.model).reads_tables
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
    ) -> Self:
        """Train a new network, or continue with the last one if ``warm_start=True``.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features: a table, sequences of shape (n_samples, n_steps, n_features) or images of
            shape (n_samples, height, width[, channels]). Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``: a ``tf.data.Dataset``, a ``keras.utils.PyDataset``, a
            function that returns a new iterator on each call, or any other object that can be
            iterated over repeatedly. It is read batch by batch in its own order, once before the
            first epoch and once per epoch. Iterators and infinite streams need
            ``fit__steps_per_epoch``.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels of any type, or a one-hot matrix or data frame. None only if `X` is a stream.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights. The weights of a stream are part of its batches.
        X_val, y_val : array-like, default=None
            Validation data to use instead of a split, in the same format as `X` and `y`. Without
            `y_val`, `X_val` may be a finite stream, or a tuple ``(X_val, y_val)`` or
            ``(X_val, y_val, sample_weight_val)``. Pass a tuple to searches and cross-validation,
            which select the rows of a fold from arrays that have as many rows as `X`.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Sample weights of the validation data.

        Returns
        -------
        KerasMulticlassClassifier
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
        KerasMulticlassClassifier
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
                f"{self.class_weight!r}, which needs all the data. Compute the weights over all "
                "the data with sklearn.utils.class_weight.compute_class_weight and pass them as "
                "a dict."
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
        KerasMulticlassClassifier
            The estimator, ready for `predict` and `partial_fit`.

        Raises
        ------
        ValueError, TypeError
            As for `fit`.
        """
        return self._run(FitRequest(X, y, task="initialize"))

    @classmethod
    def from_scikeras(cls, estimator: Any) -> Self:
        """Convert a SciKeras classifier, fitted or not.

        Parameters
        ----------
        estimator : scikeras.wrappers.KerasClassifier
            Classifier to convert; it is not modified. A subclass may define ``__init__`` and
            ``_keras_build_fn``.

        Returns
        -------
        KerasMulticlassClassifier
            Classifier with the same parameters, including SciKeras' defaults: ``rmsprop``, one
            epoch, batches of 32 rows, ``verbose=1``. Builder arguments that SciKeras accepts as
            ``hidden=...`` become ``model__hidden``. If `estimator` is fitted, so is the result,
            with copies of the network and its optimizer, the classes and the history.

        Raises
        ------
        TypeError
            If `estimator` is not a SciKeras classifier, or its network cannot be copied.
        ValueError
            If something cannot be converted, such as ``predict__callbacks``, overridden methods
            or a multi-label target; the message names it.

        Examples
        --------
        >>> import keras
        >>> from scikeras.wrappers import KerasClassifier
        >>> from keras_multiclass import KerasMulticlassClassifier
        >>> def build(meta, hidden):
        ...     return keras.Sequential(
        ...         [
        ...             keras.layers.Dense(hidden, activation="relu"),
        ...             keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ...         ]
        ...     )
        >>> old = KerasClassifier(build, hidden=8, optimizer__learning_rate=0.01)
        >>> new = KerasMulticlassClassifier.from_scikeras(old)
        >>> new.optimizer, new.get_params()["model__hidden"]
        ('rmsprop', 8)
        """
        check_scikeras_classifier(estimator)
        fit = read_fit(estimator)
        converted = cls(**convert_parameters(estimator))
        if fit is not None:
            converted._set_fitted(adopt_fit(converted._fit_parameters(), fit))
        return converted

    def _run(self, request: FitRequest) -> Self:
        """Carry out a request; if it fails, the estimator is unchanged.

        Threads that train the same estimator take turns.
        """
        with _lock_of(self), shielded():
            previous = self._fitted_network() if request.resume else None
            observes = request.task == "fit" and has_sklearn_callbacks(self)
            observer = self._observer(request) if observes else None
            self._set_fitted(run_fit(self._fit_parameters(), request, previous, observer))
        return self

    def _fit_parameters(self) -> FitParameters:
        values = self.get_params(deep=False)
        with reported_together(values, self._routed):
            return FitParameters.check(values, self._routed, type(self).__name__)

    def _fitted_network(self) -> FittedNetwork:
        record = TrainingRecord(
            self.history_,
            self.metric_modes_,
            tuple(self.validated_epochs_),
            self.engine_,
            self.engine_reason_,
        )
        return FittedNetwork(self.model_, self._state, record)

    def _set_fitted(self, network: FittedNetwork) -> None:
        others = {name: value for name, value in vars(self).items() if not _is_fitted(name)}
        self.__dict__ = {**others, **network.attributes()}  # at once, also for other threads

    def _observer(self, request: FitRequest) -> Observer:
        """Return what reports the epochs of a run to scikit-learn's callbacks."""
        weight = request.sample_weight
        data = {
            "X": lambda: request.X,  # scikit-learn would call a function that is a stream
            "y": request.y,
            "metadata": None if weight is None else {"sample_weight": weight},
        }

        def observe(
            network: FittedNetwork,
            epochs: int,
            progress: Callable[[History], dict[str, object]],
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

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the most probable label of each row.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), or a one-hot matrix or data frame
            Predicted labels, in the format of the `y` passed to `fit`.
        """
        positions = self._predict_positions(X)
        return self._state.codec.decode(positions)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of `classes_`. Each row sums to 1.
        """
        return self._predict(X, to_probabilities)

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the logarithm of class probabilities.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities, in the order of `classes_`.
        """
        return self._predict(X, to_log_probabilities)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Compute the logits.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Logits, in the order of `classes_`; for two classes, the logit of the second minus
            that of the first.
        """
        logits = self._predict(X, to_logits)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Compute the accuracy on the given data.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            Features, as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            Fraction of correctly predicted rows.
        """
        codec = self._fitted_state().codec
        if codec.form == "vector" and _sklearn_compares(y):
            return float(super().score(X, y, sample_weight))
        predicted = codec.find(self.predict(X), "predict(X)")
        return float(accuracy_score(codec.find(y), predicted, sample_weight=sample_weight))

    def _fitted_state(self) -> FittedState:
        check_is_fitted(self)
        return self._state

    def _predict_positions(self, X: ArrayLike) -> np.ndarray:
        """Predict the positions of labels in `classes_`, without all probabilities at once."""
        own = type(self).predict_proba
        if own is not KerasMulticlassClassifier.predict_proba:  # of a subclass
            return np.asarray(self.predict_proba(X)).argmax(axis=1)
        return self._predict(X, lambda raw, form: to_probabilities(raw, form).argmax(axis=1))

    def _predict(
        self, X: ArrayLike, convert: Callable[[np.ndarray, OutputForm], np.ndarray]
    ) -> np.ndarray:
        """Compute the raw output of the network and convert it, some rows at a time."""
        check_is_fitted(self)
        fitted = vars(self)  # `fit` in another thread replaces all of it
        state, model = fitted["_state"], fitted["model_"]
        engine, batch_size = resolve_prediction(self.engine, self._routed)
        form, n_undefined = state.compile_spec.prediction_form, 0

        def convert_rows(raw: np.ndarray) -> np.ndarray:
            nonlocal n_undefined
            undefined = np.isnan(raw)
            if not undefined.any():
                return convert(raw, form)
            n_undefined += int(undefined.any(axis=1).sum())
            with np.errstate(invalid="ignore"):
                return convert(raw, form)

        with shielded():
            start_quietly()
            with interruptible():
                X = state.features.check(X)
            with keras_environment(state.dtype):
                predicted = predict(engine, model, X, batch_size, convert_rows)
        if n_undefined:
            raise ValueError(
                f"The output of the network must not contain NaN; got NaN for {n_undefined} of "
                f"{len(predicted)} rows. Their features are probably too large: compare their "
                "scale with that of the training data."
            )
        return predicted

    # Persistence

    def __getstate__(self) -> dict[str, Any]:
        state = {
            **super().__getstate__(),
            "_format": _PICKLE_FORMAT,
            "_versions": current_versions(),
        }
        if "model_" in state:
            with shielded(), keras_environment(self._state.dtype), interruptible():
                state["model_"] = PackedModel.pack(self.model_)
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
                f"The format of a saved KerasMulticlassClassifier must be {_PICKLE_FORMAT} for "
                f"this version of keras-multiclass; got {pickle_format}. "
                + (
                    "A development version saved it: fit the classifier again."
                    if pickle_format is None
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
                    linked_to(restored["callbacks_"]),
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
_PICKLE_FORMAT = 3

# Estimators with locks as attributes could not be copied or pickled.
_locks: weakref.WeakKeyDictionary[KerasMulticlassClassifier, threading.RLock] = (
    weakref.WeakKeyDictionary()
)
_locking = threading.Lock()


def _lock_of(estimator: KerasMulticlassClassifier) -> threading.RLock:
    with _locking:
        return _locks.setdefault(estimator, threading.RLock())


_ATOMS = (str, int, float, bool, type(None))


def _sklearn_compares(y: ArrayLike) -> bool:
    """Whether scikit-learn compares labels of this type, unlike dates, decimals and others."""
    try:
        return bool(type_of_target(y) != "unknown")
    except TypeError:  # NumPy's StringDType
        return False


def _run_once(model: keras.Model, state: FittedState) -> None:
    """Run a network on a row of zeros: what another version of Keras saved may fail only then."""
    features = state.features
    with warnings.catch_warnings():  # of the structure that some versions give single inputs
        warnings.simplefilter("ignore")
        model(np.zeros((1, *features.input_shape), features.input_dtype), training=False)


def _is_fitted(name: str) -> bool:
    return name == "_state" or (name.endswith("_") and not name.startswith("_"))
