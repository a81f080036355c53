"""The estimator: its parameters, and the orchestration of fit and predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, cast

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from keras_multiclass._data.features import check_features
from keras_multiclass._interop.html_repr import NotebookMixin
from keras_multiclass._interop.sklearn_callbacks import CallbackSupportMixin
from keras_multiclass._network.build import reads_tables
from keras_multiclass._network.compile import PackedModel
from keras_multiclass._network.objective import to_log_probabilities, to_logits, to_probabilities
from keras_multiclass._shared.keras.copying import LayerSnapshot
from keras_multiclass._shared.keras.environment import array_dtype, keras_environment, start_quietly
from keras_multiclass._shared.keras.weight_decay import apply_patterns, collect_patterns
from keras_multiclass._shared.seeding import seeded
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass._shared.typing import ArrayLike
from keras_multiclass._training.adopt_scikeras import convert
from keras_multiclass._training.engine import predict
from keras_multiclass._training.read import FitRequest
from keras_multiclass._training.run import FittedState, run_fit
from keras_multiclass._training.settings import (
    is_routed,
    resolve_prediction,
    routed_parameter_fault,
)


class KerasMulticlassClassifier(
    NotebookMixin, CallbackSupportMixin, ClassifierMixin, BaseEstimator
):
    """Multi-class classification with a Keras network.

    You give features, labels and, if you like, the hidden part of a network (a *backbone*). The
    classifier encodes the labels, builds the output layer, chooses the loss and makes the three
    agree; it then trains like any scikit-learn classifier.

    Parameters
    ----------
    backbone : str, callable, keras.Model or keras.Layer, default="auto"
        The hidden part of the network, from inputs to features.

        - ``"auto"``: ``"realmlp_small"`` for tables (2-d X; ``"mlp"`` if they have more than 1000
          columns), ``"conv1d"`` for sequences of vectors (3-d X), ``"cnn"`` for images (4-d and
          5-d X, and 3-d X of 8-bit integers).
        - A registered name, see `list_backbones`. A sequence backbone on 2-d X reads token ids,
          of which 0 is padding, through an embedding.
        - A function ``(inputs, **params) -> tensor`` of Keras tensors that returns features of
          shape (batch, n_features). On sequences, one with a parameter ``mask`` gets the mask
          of the steps that are not padding (all zeros).
        - A headless ``keras.Model`` or ``keras.Layer``. It is copied for each fit with its
          weights, and never trained itself.
    model : callable or keras.Model, default=None
        A whole network instead of a backbone: a function that returns one, in SciKeras' manner
        (it may take ``meta``, ``compile_kwargs``, ``params`` and arguments of its own), or a
        ``keras.Model``, which is copied for each fit with its weights. It must end in one unit
        for each class, as softmax or as logits; for two classes one unit will do, as sigmoid or
        as logit.
    loss : str, keras.losses.Loss, class or callable, default="auto"
        The loss. ``"auto"`` is the cross-entropy. Class indices or one-hot targets, logits or
        probabilities: what the loss needs is worked out.
    optimizer : str, keras.optimizers.Optimizer or class, default="auto"
        The optimizer. ``"auto"`` is what the backbone recommends, else Adam. An instance is
        copied for each fit.
    metrics : str, keras.metrics.Metric, class, callable, or list or dict of these, default=None
        What to report for each epoch beside the loss, over all its rows and with their weights.

        - ``"accuracy"``, ``"top_3_accuracy"`` (any number), ``"balanced_accuracy"``,
          ``"cohen_kappa"``, ``"matthews_correlation"``, ``"crossentropy"``.
        - ``"macro_f1"``, ``"weighted_f1"``, ``"micro_f1"``; the same of ``precision`` and
          ``recall``; and ``"macro_auc"`` and ``"weighted_auc"``, each class against the rest.
          scikit-learn's names (``"f1_macro"``, ``"roc_auc_ovr"``, ...) mean the same.
        - ``"per_class_recall"``, ``"per_class_precision"``, ``"per_class_f1"`` and
          ``"per_class_auc"``: one value for each label, reported as ``"recall/<label>"``.
        - Any Keras metric by name, class or instance, or a function ``(y_true, y_pred)``.
    callbacks : str, keras.callbacks.Callback, class, or list or dict of these, default=None
        Keras callbacks. Instances are copied for each fit. ``"tensorboard"`` adds precision,
        recall and F1 of each class to the metrics, and logs what `history_` holds, each fit to a
        folder of its own inside ``"logs"``, or inside ``callbacks__tensorboard__log_dir``.
    class_weight : dict or "balanced", default=None
        Weights of the classes, ``{label: weight}``, which multiply `sample_weight`.
        ``"balanced"`` gives each class the same total weight.
    epochs : int or "auto", default="auto"
        How often to go through the training rows. ``"auto"`` is what the backbone recommends,
        else 100.
    batch_size : int or "auto", default="auto"
        Rows per step, -1 for all. ``"auto"`` is what the backbone recommends, else the power of
        two nearest to a 32nd of the rows, from 64 to 1024. A stream brings batches of its own.
    validation_split : float, default=None
        Fraction of the rows to hold out for validation, stratified and shuffled.
    early_stopping : bool, int, dict or "auto", default="auto"
        Whether to stop when the validation loss has not improved for 10 epochs (or the number
        given), and to go back to the weights of the best epoch. Holds out a tenth of the rows
        unless `validation_split` or validation data say otherwise. A dict holds arguments for
        ``keras.callbacks.EarlyStopping``, such as ``{"monitor": "val_macro_f1"}``, which may
        monitor any of the `metrics`; its ``mode`` follows from the metric. ``"auto"`` is what
        the backbone recommends, else False.
    shuffle : bool, default=True
        Whether to shuffle the training rows before each epoch; a stream keeps its order.
    scaling : {"auto", "standard", "robust", "quantile"} or None, default="auto"
        How the network scales numbers before the backbone, by the (weighted) training rows.

        - ``"standard"``: each feature to mean 0 and variance 1.
        - ``"robust"``: the median to 0 and the interquartile range to 1, then smoothly clipped
          to between -3 and 3. For tables.
        - ``"quantile"``: each number to the normal quantile of its rank. For tables.
        - ``None``: as they are.
        - ``"auto"``: what the backbone recommends, else ``"standard"``; None for a
          ``keras.Model`` or ``keras.Layer`` as backbone. A whole `model` is never scaled.

        Quantiles of a stream are taken to be those of a normal distribution.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns of a table are categories; other columns are numbers. ``"from_dtype"``:
        columns of a data frame of dtype category, string, bool, or object with strings. None:
        no column. Or a mask, indices or names of columns. Categories of up to 9 levels are
        one-hot encoded, others get embeddings. A level that the training rows did not have is
        unknown: zeros.
    n_ensemble : int or "auto", default="auto"
        How many networks are trained side by side, from other initial weights and with other
        dropout, on the same batches. Each is trained as it would be alone; probabilities are the
        mean of theirs. They share the scaling and the embeddings of categories and tokens.
        ``"auto"`` is what the backbone recommends, else 1. Not for a whole `model`.
    calibration : {"temperature"} or None, default=None
        Whether probabilities are calibrated after training: ``"temperature"`` divides logits by
        the number that gives the validation rows the smallest cross-entropy, which changes no
        predicted label. Uses the validation rows that `early_stopping` uses, and holds out a
        tenth in the same way. `partial_fit` puts the number back to 1. Not for a whole `model`.
    warm_start : bool, default=False
        Whether `fit` goes on from the last fit instead of starting anew, with optimizer, loss,
        metrics and callbacks as they are set now. The network, its `dtype`, the classes and the
        seed stay those of the first fit.
    dtype : {"float32", "float64", "mixed_float16", "mixed_bfloat16"}, default="float32"
        Keras dtype policy of the network.
    engine : {"auto", "graph", "keras"}, default="auto"
        What trains the network. ``"graph"`` stays in TensorFlow's graph for whole epochs and
        shares what it traced among fits, which makes small networks many times faster;
        ``"keras"`` runs Keras' training step batch by batch. ``"auto"`` takes ``"graph"``
        unless something needs the other: callbacks that act on batches, ``run_eagerly``, a
        stream, X larger than a quarter of the memory, a model that cannot be traced, another
        Keras backend. Both give the same results within rounding.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the initial weights, the validation split, the order of the rows and dropout.
    verbose : {0, 1, 2}, default=0
        0 is silent. 1 keeps one line up to date, with a bar and the time left, and leaves a
        summary. 2 writes a line for each epoch.
    **backbone__arguments : dict
        Routed parameters: ``backbone__*`` and ``model__*`` reach the builder's arguments;
        ``optimizer__*``, ``loss__*``, ``metrics__*`` and ``callbacks__*`` those of these
        objects (``optimizer__learning_rate``, ``callbacks__stop__patience``); ``compile__*``
        takes ``run_eagerly`` and ``jit_compile`` (whether XLA compiles the steps; by default
        where the training is long enough to gain from it); ``fit__*`` takes ``validation_freq``,
        ``validation_batch_size`` and, for streams, ``steps_per_epoch``; ``predict__batch_size``
        is the number of rows that are predicted together. All are visible to `get_params`,
        `set_params` and grid search.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; the names of the columns if y was a one-hot data frame. Columns of
        `predict_proba` are in this order.
    n_classes_ : int
        Number of classes.
    n_features_in_ : int
        Size of the second axis of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X was a data frame with string column names: these.
    input_shape_ : tuple of int
        Shape of one row of X.
    network_feature_names_ : ndarray of str
        Only if X was a table for a table backbone: names of what the backbone reads, such as
        ``"age"``, ``"age_missing"``, ``"colour_red"`` and ``"city_embedding0"``.
    resolved_params_ : dict
        What a new fit was trained with where parameters said ``"auto"`` or nothing, under the
        names of parameters.
    temperature_ : float
        Only with `calibration`: what logits are divided by; above 1 if the network was too sure.
    n_iter_ : int
        Number of epochs trained.
    history_ : dict of str to list
        Loss and metrics by epoch, validation under ``val_*``.
    model_ : keras.Model
        The trained network: compiled, takes raw X, and emits logits if it was built from a
        backbone.
    engine_ : str
        The engine that trained last: ``"graph"`` or ``"keras"``; empty before any training.
    engine_reason_ : str
        Why it was this one.
    loss_ : keras.losses.Loss
        The loss it was trained with: takes class indices and what `model_` emits.

    See Also
    --------
    register_backbone : Give a backbone a name.
    sklearn.neural_network.MLPClassifier : scikit-learn's own network.

    Notes
    -----
    The loss of a batch is its weighted mean, rows of weight zero are left out, and a batch is
    never larger than the data, so that weighting a row equals repeating it.

    With scikit-learn 1.9 or newer, ``set_callbacks`` takes scikit-learn's own callbacks, such as
    ``sklearn.callback.ProgressBar``: `fit` tells them of each epoch.

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
        # All routed parameters; scikit-learn's checks pass the name itself as a parameter.
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
        for name in backbone__arguments:
            if not is_routed(name):
                raise TypeError(routed_parameter_fault(name, self._get_param_names()))
        self._routed = backbone__arguments

    # Parameters

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # Those included that a subclass takes by `**kwargs` and hands on: scikit-learn would
        # leave them out, and `clone` would lose them.
        return sorted(accepted_parameters(cls).names)

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
        return {**super().get_params(deep=deep), **self._routed}

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
            if name in own:
                setattr(self, name, value)
        routed = {name: value for name, value in params.items() if name not in own}
        self._routed = {**self._routed, **routed}
        return self

    def __sklearn_clone__(self) -> Self:
        # scikit-learn copies parameters deeply. Keras objects are never changed by `fit`, so
        # they are shared: some Keras models cannot be copied, and none is cheap to copy.
        shared = {name: v for name, v in self.get_params(deep=False).items() if _is_keras(v)}
        bare = self._twin(keep_fitted=False)
        bare.set_params(**dict.fromkeys(shared))
        return super(KerasMulticlassClassifier, bare).__sklearn_clone__().set_params(**shared)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = tags.input_tags.categorical = self._reads_tables()
        tags.target_tags.one_d_labels = True
        return tags

    def _reads_tables(self) -> bool:
        try:
            return reads_tables(self.backbone, self.model)
        except (ValueError, TypeError):  # `fit` says what is wrong with the backbone
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
        """Train a new network, or go on with the last one if ``warm_start=True``.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...), or stream
            Features: a table, sequences of shape (n_samples, n_steps, n_features) or images of
            shape (n_samples, height, width[, channels]). Or a stream of batches ``(X, y)`` or
            ``(X, y, sample_weight)``, which is read once before the first epoch and once in each,
            in its own order and never as a whole: a ``tf.data.Dataset``, a
            ``keras.utils.PyDataset``, a function that returns a new iterator each time, or
            anything else that can be iterated over again and again. An iterator, or a stream
            without end, needs ``fit__steps_per_epoch``.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels of any kind, or a one-hot matrix or data frame. None only if `X` is a stream.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; those of a stream are in its batches.
        X_val, y_val : array-like, default=None
            Validation data instead of a split, in the form of `X` and `y`. `X_val` may be a
            stream that ends, without `y_val`.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Weights of the validation rows.

        Returns
        -------
        KerasMulticlassClassifier
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an array cannot be used; says which, and what to do. An estimator
            that was fitted before stays as it was.
        DivergenceError
            If the loss becomes NaN or infinite.
        EngineError
            If ``engine="graph"`` and the graph engine cannot train this, or if
            ``compile__jit_compile=True`` and XLA cannot compile it.

        Warns
        -----
        TrainingInterruptedWarning
            If the user interrupts the training after an epoch has ended: the epochs so far are
            kept, with the steps of the one under way.
        """
        resume = bool(self.warm_start) and hasattr(self, "model_")
        return self._run(
            FitRequest(X, y, sample_weight, X_val, y_val, sample_weight_val, resume=resume)
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
            All labels that will ever come; needed in the first call unless its `y` has them all.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        KerasMulticlassClassifier
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            As for `fit`; also if ``class_weight="balanced"``, for which a part is not enough.
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
            Features, or a stream of batches as in `fit`; they define shapes and standardisation.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels; they define the classes. None only if `X` is a stream.

        Returns
        -------
        KerasMulticlassClassifier
            The estimator, ready to predict and for `partial_fit`.

        Raises
        ------
        ValueError, TypeError
            As for `fit`.
        """
        return self._run(FitRequest(X, y, task="initialize"))

    @classmethod
    def from_scikeras(cls, estimator: Any) -> Self:
        """Make a classifier of a SciKeras one, fitted or not.

        Parameters
        ----------
        estimator : scikeras.wrappers.KerasClassifier
            Is left as it is. A subclass may define ``__init__`` and ``_keras_build_fn``.

        Returns
        -------
        KerasMulticlassClassifier
            Has the same parameters, those that SciKeras sets by default included: ``rmsprop``,
            one epoch, batches of 32 rows, ``verbose=1``. Arguments of the builder that SciKeras
            lets users write as ``hidden=...`` are called ``model__hidden``. When `estimator` is
            fitted, so is the result: a copy of the network with its optimizer, the classes, and
            the history.

        Raises
        ------
        TypeError
            If `estimator` is not a SciKeras classifier, or its network cannot be copied.
        ValueError
            If something cannot be carried over, such as ``predict__callbacks``, overridden
            methods, or a multi-label target; the message names it.

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
        return cast(Self, convert(cls, estimator))

    def _run(self, request: FitRequest) -> Self:
        twin = self._twin(keep_fitted=request.resume)
        run_fit(twin, request)
        for name in [name for name in vars(self) if _is_fitted(name)]:
            delattr(self, name)
        self.__dict__.update({k: v for k, v in vars(twin).items() if _is_fitted(k)})
        return self

    def _twin(self, keep_fitted: bool) -> Self:
        """Make an estimator with the same parameters that shares them, not the attributes."""
        twin = object.__new__(type(self))
        kept = {k: v for k, v in vars(self).items() if keep_fitted or not _is_fitted(k)}
        twin.__dict__.update(kept)
        return twin

    @property
    def current_epoch(self) -> int:
        """Number of epochs that the fitted model was trained for; 0 before ``fit``."""
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
            Labels in the form in which `fit` was given them.
        """
        return self._fitted_state().codec.decode(self.predict_proba(X).argmax(axis=1))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`; each row sums to 1.
        """
        raw = self._raw_output(X)
        return to_probabilities(raw, self._state.compile_spec.output_form)

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Logarithms of the probabilities, in the order of `classes_`.
        """
        raw = self._raw_output(X)
        return to_log_probabilities(raw, self._state.compile_spec.output_form)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Compute the logits.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Logits in the order of `classes_`; for two classes the logit of the second minus that
            of the first.
        """
        logits = to_logits(self._raw_output(X), self._state.compile_spec.output_form)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Compute the accuracy.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            Features, as in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            Fraction of the rows that are predicted right, from 0 to 1.
        """
        codec = self._fitted_state().codec
        if codec.form == "vector":
            return float(super().score(X, y, sample_weight))
        predicted = self.predict_proba(X).argmax(axis=1)
        return float(accuracy_score(codec.encode(y), predicted, sample_weight=sample_weight))

    def _fitted_state(self) -> FittedState:
        check_is_fitted(self)
        return self._state

    def _raw_output(self, X: ArrayLike) -> np.ndarray:
        state = self._fitted_state()
        engine, batch_size = resolve_prediction(self.engine, self._routed)
        start_quietly()
        X = check_features(
            self,
            X,
            reset=False,
            dtype=array_dtype(state.dtype),
            tokens=state.reads_tokens,
            columns=state.columns,
            allow_nan=state.reads_table,
        )
        with keras_environment(state.dtype):
            raw = predict(engine, self.model_, X, batch_size)
        if np.isnan(raw).any():
            n_rows = int(np.isnan(raw).any(axis=1).sum())
            raise ValueError(
                f"What the network computes from X must be a number; got NaN for {n_rows} of "
                f"{len(raw)} rows. Their features are too large for it: compare their scale with "
                "that of the training data."
            )
        return raw

    # Persistence

    def __getstate__(self) -> dict[str, Any]:
        state = {**super().__getstate__(), "_format": _PICKLE_FORMAT}
        built = [self._state.compile_spec.optimizer] if "model_" in state else []
        optimizers = [*state.values(), *self._routed.values(), *built]
        state["_excluded_from_weight_decay"] = collect_patterns(optimizers)
        if "model_" in state:
            with keras_environment(self._state.dtype):
                state["model_"] = PackedModel.pack(self.model_, self._state.compile_spec)
            del state["loss_"]
        for name, value in state.items():
            if isinstance(value, keras.Layer):
                state[name] = LayerSnapshot.take(value)
        return state

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
        restored = {
            name: value.restore() if isinstance(value, LayerSnapshot) else value
            for name, value in state.items()
        }
        del restored["_format"]
        for optimizer, patterns in restored.pop("_excluded_from_weight_decay"):
            apply_patterns(optimizer, patterns, "optimizer")
        if "model_" in restored:
            start_quietly()
            with keras_environment(restored["_state"].dtype), seeded(0):
                restored["model_"] = restored["model_"].unpack()
            restored["loss_"] = restored["model_"].loss
        super().__setstate__(restored)


# Raised whenever the attributes of a fitted classifier change, so that an older version of the
# package refuses what it cannot read.
_PICKLE_FORMAT = 1


def _is_fitted(name: str) -> bool:
    return name == "_state" or (name.endswith("_") and not name.startswith("_"))


def _is_keras(value: Any) -> bool:
    return isinstance(value, (keras.Layer, keras.optimizers.Optimizer, keras.losses.Loss))
