"""The classifier of rows that have exactly one class each."""

from __future__ import annotations

from typing import Any, Self

from keras_multiclass._classifiers.base import KerasClassifierBase
from keras_multiclass._interop.scikeras import (
    check_scikeras_classifier,
    convert_parameters,
    read_fit,
)
from keras_multiclass._training.adopt_scikeras import adopt_fit
from keras_multiclass._training.task import MULTICLASS


class KerasMulticlassClassifier(KerasClassifierBase):
    """Multi-class classifier that trains a Keras network.

    Pass features, labels and, optionally, the hidden part of a network (a *backbone*). The
    classifier encodes the labels, adds the output layer and chooses a loss that matches both.
    It trains and predicts like any other scikit-learn classifier.

    Parameters
    ----------
    backbone : str, callable, keras.Model or keras.Layer, default="auto"
        Hidden part of the network, from inputs to features.

        - ``"auto"``: for tables (2-d X), ``"mlp_plr"`` up to 2,000 rows and ``"realmlp_small"``
          for more rows and streams; ``"mlp"`` for more than 1000 columns. Up to 20,000 rows, the
          first two train four networks on different rows, stop early and calibrate. ``"conv1d"``
          for sequences of vectors (3-d X), ``"cnn"`` for images (4-d and 5-d X, and 3-d X whose
          rows are squares of at least 8 x 8, with a warning), ``"bag_of_ngrams"`` for texts.
        - The name of a registered backbone, see `list_backbones`. A sequence backbone reads 2-d
          X as token ids, with 0 as padding, and embeds them, and texts as sequences of words.
        - A function ``(inputs, **params) -> tensor`` of Keras tensors that returns features of
          shape (batch, n_features). For sequences, a parameter named ``mask`` receives the mask
          of the steps that are not padding; it is needed for sequences of unequal length. In
          arrays, padding is zeros at the end, unless other steps of the training rows are all
          zero, too.
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
    preset : {"best"} or None, default=None
        Which recommendations of the backbone replace parameters at ``"auto"``. With ``"best"``,
        the default for tables trains more networks for more epochs; parameters that you set stay as
        they are. Backbones without recommendations for it train as usual, with a warning.
    loss : str, keras.losses.Loss, class or callable, default="auto"
        Loss function; ``"auto"`` is cross-entropy. The loss is given what it expects: class
        indices or one-hot targets, logits or probabilities. Soft labels need a loss that takes
        one-hot targets.
    optimizer : str, keras.optimizers.Optimizer or class, default="auto"
        Optimizer. ``"auto"`` uses the backbone's default, or Adam if it has none. Instances are
        copied for each fit.
    metrics : str, keras.metrics.Metric, class, callable, or list or dict of these, default=None
        Metrics to report for each epoch in addition to the loss. They are computed over all rows
        of the epoch and use sample weights.

        - ``"accuracy"``, ``"top_3_accuracy"`` (any number), ``"balanced_accuracy"``,
          ``"cohen_kappa"``, ``"matthews_correlation"``, ``"crossentropy"``.
        - ``"calibrated_crossentropy"``: the cross-entropy at the temperature that is best for the
          epoch, see `calibration`.
        - ``"macro_f1"``, ``"weighted_f1"``, ``"micro_f1"``, and likewise for ``precision``,
          ``recall`` and ``jaccard``; ``"macro_auc"`` and ``"weighted_auc"``, each class against
          the rest. scikit-learn's names (``"f1_macro"``, ``"roc_auc_ovr"``, ...) are accepted too.
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
        every class the same total weight. The class of soft labels is the largest.
    epochs : int or "auto", default="auto"
        Number of passes over the training rows. ``"auto"`` uses the backbone's default, or 100
        if it has none. Here and in all integer parameters, floats such as ``20.0`` are accepted.
    batch_size : int or "auto", default="auto"
        Number of rows per step, or -1 for all rows. ``"auto"`` uses the backbone's default or, if
        it has none, the power of two nearest to 1/32 of the number of rows, between 64 and 1024.
        Must be ``"auto"`` for streams, which yield their own batches.
    validation_split : float, int, splitter or list of one pair, default=None
        Which rows to hold out for validation. `partial_fit` holds out none.

        - A fraction, shuffled and stratified; of a stream, random rows, the same in each pass.
        - An integer of at least 2: a number of folds, shuffled and stratified. Each member of an
          ensemble (`n_ensemble`) holds out another fold, and validation scores are those of the
          members that have not trained on a row. If there are more members than folds, the next
          ones hold out folds of another partition. The only row of a class is always trained on.
          A single network holds out the first fold. The loss must return one value for each row.
        - A splitter of scikit-learn, such as ``GroupShuffleSplit`` or ``TimeSeriesSplit``, whose
          last split is used. Splitters without a seed of their own use `random_state`.
        - One split as row numbers or masks, ``[(train, validation)]``. Rows in neither part are
          left out.
    early_stopping : bool, int, dict or "auto", default="auto"
        Whether to stop when the validation loss has not improved for 10 epochs (or the given
        number of epochs) and restore the weights of the best epoch. If probabilities will be
        calibrated (`calibration`), it is the automatic loss after calibration,
        ``"val_calibrated_crossentropy"``. Holds out a tenth of the rows, or the folds that the
        backbone recommends, unless `validation_split` or validation data are given. If the
        optimizer follows a schedule over all epochs, as for ``"realmlp"``, True trains for all of
        them and then restores the best. A dict holds arguments for
        ``keras.callbacks.EarlyStopping``, such as ``{"monitor": "val_macro_f1"}``; any of the
        `metrics` can be monitored, and ``mode`` is inferred from the metric. ``"auto"`` uses the
        backbone's default, or False if it has none.
    shuffle : bool, default=True
        Whether to shuffle the training rows before each epoch. Streams keep their order.
    scaling : str, None, keras.Layer, callable or dict, default="auto"
        How the network scales numeric features before the backbone. Statistics are those of the
        (weighted) training rows.

        - ``"standard"``: zero mean and unit variance.
        - ``"robust"``: zero median and unit interquartile range, then smoothly clipped to
          between -3 and 3. Tables only.
        - ``"quantile"``: the normal quantile of the value's rank. Tables only.
        - ``"pretrained"``: scales images with values from 0 to 255 as the network of
          ``keras.applications`` in `backbone` expects. Other values are an error.
        - ``None``: no scaling.
        - A ``keras.Layer``, of which each fit uses a copy, or a function of a Keras tensor that
          returns one, applied to sequences or images.
        - A dict of these by input, if X has several.
        - ``"auto"``: the backbone's default, or ``"standard"`` if it has none; if the backbone is a
          ``keras.Model`` or ``keras.Layer``, ``"pretrained"`` for networks of
          ``keras.applications``, otherwise None. A complete `model` is never scaled.

        For streams, quantiles are approximated by those of a normal distribution.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns of a table are categorical; others are numbers, dates or text.
        ``"from_dtype"`` selects data frame columns of dtype category, string, bool, or object
        containing strings, unless it is free text (see `text_features`); None selects no columns.
        Otherwise a mask, indices or names of columns. Columns with up to 9 categories are one-hot
        encoded, others are embedded; in an ensemble, all are one-hot encoded up to 2,048 categories
        in total. Categories that do not occur in the training rows are encoded as zeros.
    layout : {"channels_last", "channels_first"}, default="channels_last"
        Where the channels of sequences, images and volumes in X are: on the last axis, or on the
        axis after the rows, as in ``(n_samples, channels, n_steps)`` and ``(n_samples, channels,
        height, width)``. Networks always get them on the last axis. No effect on tables
        and paths.
    image_size : "auto" or tuple (height, width), default="auto"
        Size in pixels to which images are resized if X holds paths of image files. ``"auto"`` is
        the fixed size that your `backbone` or `model` reads; otherwise the size of the images in
        `fit` if all have the same and no side is longer than 512 pixels; otherwise their median
        height and width, scaled down so that the longer is at most 224.
    augmentation : {"light", "standard"}, Layer, list of these, dict or None, default=None
        What changes rows at random during training, and only then: a layer of Keras or your own,
        or a list of layers. They get the values as passed, before scaling, and keep the shape.
        ``"light"`` shifts, turns and scales images a little, ``"standard"`` more; neither flips
        them. ``keras.layers.MixUp`` and ``CutMix`` mix the targets, too. With several inputs,
        a dict by input. Not supported with a complete `model`.
    text_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns of a table hold free text, whose TF-IDF weights are reduced to up to 200
        numbers. ``"from_dtype"`` selects string columns of a data frame that have at least 20
        different values, at least half of them different, and three words on average; None
        selects no columns. Otherwise a mask, indices or names of columns.
    text_vectorizer : "auto", CountVectorizer or TfidfVectorizer, default="auto"
        What splits texts (1-d X of strings) into terms, an instance of scikit-learn's; each fit
        trains a copy on the training rows. ``"auto"``: words, numbers and each punctuation mark,
        up to 20,000 of them; for ``"bag_of_ngrams"`` also pairs of neighbors and the first and
        last letters of words. Its parameters, such as ``text_vectorizer__ngram_range``, are routed.
    n_ensemble : int or "auto", default="auto"
        Number of networks trained together on the same batches, each with its own initial
        weights and dropout. Each trains as it would alone, and their probabilities are averaged.
        They share scaling, but no embeddings. ``"auto"`` uses the backbone's default, or 1 if it
        has none. Not supported with a complete `model`.
    calibration : {"auto", "temperature"} or None, default="auto"
        Whether to calibrate probabilities after training. ``"temperature"`` divides the logits
        by the number that minimizes the cross-entropy of the validation rows, with a prior that
        keeps it near 1 if these are few; predicted labels do not change. The validation rows are
        those of `early_stopping`, held out in the same way. `partial_fit` keeps the temperature.
        ``"auto"`` uses the backbone's default, or None if it has none. Not supported with a
        complete `model`.
    fine_tuning : None, int or dict, default=None
        None trains all layers from the start, except those with ``trainable=False``. If
        `backbone` is a ``keras.Model`` or ``keras.Layer``, a number is that of the additional
        epochs in which it is trained, too, at a tenth of the learning rate, after `epochs` in
        which it is frozen; ``{"epochs": 5, "learning_rate": 1e-5}`` sets the rate. Layers of
        batch normalization stay frozen and keep their averages.
    warm_start : bool, default=False
        Whether `fit` continues from the last fit instead of starting over. Optimizer, loss,
        metrics and callbacks follow their current values; the classes and the seed are those of
        the first fit. Parameters that determine the network (`backbone` or `model` and their
        arguments, `preset`, `scaling`, `categorical_features`, `text_features`, `layout`,
        `image_size`, `augmentation`, `text_vectorizer`, `n_ensemble`, `dtype`) must not change.
    dtype : {"float32", "float64", "mixed_float16", "mixed_bfloat16"}, default="float32"
        Keras dtype policy of the network. Keras' global policy and float type have no effect; a
        fit warns of a global policy of lower precision.
    engine : {"auto", "graph", "keras"}, default="auto"
        Training loop. ``"graph"`` runs whole epochs inside TensorFlow's graph and reuses traces
        across fits, which makes small networks many times faster; ``"keras"`` runs Keras'
        training step batch by batch. ``"auto"`` uses ``"graph"`` unless something requires the
        Keras engine: callbacks that act on batches, ``run_eagerly``, sparse X or
        unequal sequences larger than a quarter of the memory, a model that cannot be traced, or
        another Keras backend. Results agree up to rounding.
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
        Class labels, sorted, with those that were declared by `classes`. Of one-hot and soft
        labels, the names of the columns: those declared, those of a data frame, or 0, 1, ... The
        columns of `predict_proba` are in this order.
    n_classes_ : int
        Number of classes.
    n_features_in_ : int
        Size of the second axis of X; the number of channels of sequences of unequal length. Not set
        for texts.
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X was a data frame whose column names are all strings: these names.
    input_shape_ : tuple of int
        Shape of one row of X, with the channels last; the number of steps is None for sequences of
        unequal length. Of an encoded text: (n_terms, 2) for bags, (n_words,) for sequence backbones
        and () for networks that read strings. A dict of these for several inputs.
    network_feature_names_ : ndarray of str
        Only for table backbones: names of the backbone's inputs, such as ``"age"``,
        ``"age_missing"``, ``"color_red"`` and ``"city_embedding0"``. A number is appended to names
        that others have already.
    resolved_params_ : dict
        Values used by the last new fit for parameters that were ``"auto"`` or not set, by
        parameter name.
    text_vectorizer_ : CountVectorizer or TfidfVectorizer, or dict of them
        Only if X held texts: the fitted vectorizer, whose vocabulary is that of the training rows;
        for several inputs, that of each input of texts, by name.
    temperature_ : float
        Only if probabilities are calibrated: number by which logits are divided; above 1 if the
        network was overconfident.
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
        Trained and compiled network. It takes X minus `input_offset_`, where that exists, with
        categories as codes, dates, columns of text and texts as numbers, the channels last, unequal
        sequences padded with infinity at the end, and several inputs side by side. It outputs
        logits if it was built from a backbone.
    engine_ : str
        Engine used last, ``"graph"`` or ``"keras"``; empty before any training.
    engine_reason_ : str
        Why this engine was used.
    callbacks_ : list of keras.callbacks.Callback
        The callbacks of the last run, in order: instances that were passed, and those built from
        names and classes.
    loss_ : keras.losses.Loss
        Loss used in training. It takes class indices, or soft labels, and the output of `model_`.

    See Also
    --------
    KerasMultilabelClassifier : For rows that may have any number of labels.
    register_backbone : Register a backbone under a name.
    sklearn.neural_network.MLPClassifier : Multi-layer perceptron of scikit-learn.

    Notes
    -----
    The loss of a batch is its weighted mean, rows of weight zero are dropped, and a batch is
    never larger than the data. Weighting a row therefore equals repeating it, and only the ratios
    of weights matter: very large and very small ones are divided by a common power of two.

    Soft labels are numbers of at least 0 whose rows sum to one. Where each row needs a single class
    (accuracy and other scores, class weights, stratification), it is the largest, and the first of
    the largest. Predictions are one-hot, as for a one-hot y.

    X may be a dict of several inputs, each read as if it were X alone (see `Inputs`). Their
    features are joined before the output layer. `backbone`, `scaling` and `categorical_features`
    may then be dicts by input, routed arguments name an input (``backbone__photo__filters``), and a
    function or network as `backbone` takes a dict of tensors. `n_features_in_` and
    `feature_names_in_` are number and names of the inputs; `input_shape_` and `input_offset_` are
    dicts. `model_` reads the inputs side by side, as columns of one matrix.

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

    Soft labels, and a class without rows:

    >>> import numpy as np
    >>> soft = 0.9 * np.eye(3)[y] + 0.1 / 3
    >>> classifier.set_params(epochs=2).fit(X, soft).predict(X).shape
    (150, 3)
    >>> classifier.fit(X[:100], y[:100], classes=[0, 1, 2]).predict_proba(X).shape
    (150, 3)

    Hold out whole groups of rows for early stopping:

    >>> from sklearn.model_selection import GroupShuffleSplit
    >>> classifier = KerasMulticlassClassifier(
    ...     "mlp",
    ...     epochs=3,
    ...     early_stopping=True,
    ...     validation_split=GroupShuffleSplit(n_splits=1, test_size=0.2),
    ...     random_state=0,
    ... )
    >>> classifier.fit(X, y, groups=np.arange(150) % 30).n_iter_
    3
    """

    _task = MULTICLASS

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
            converted._set_fitted(adopt_fit(converted._fit_parameters(cls._task), fit))
        return converted
