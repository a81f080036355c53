"""Convolutional, recurrent and attention networks: `keras.Model.fit` and PyTorch beside ours."""

from __future__ import annotations

from importlib import util
from statistics import median
from typing import Any

import keras

from keras_multiclass import KerasMulticlassClassifier

from ..contestants import OURS, load
from ..kinds import KINDS, N_CLASSES, Kind
from ..options import Options
from ..plain_keras import MODEL_FIT, MODEL_FIT_NOTE
from ..results import CaseResult, Row, compare
from ..timing import Work, alternate

BATCH_SIZE = 64
SKORCH = "skorch"


def run(options: Options) -> CaseResult:
    """Time fits of each kind of network in turns."""
    rows: list[Row] = []
    for kind in KINDS:
        n_rows = options.pick(kind.n_rows, quick=2 * BATCH_SIZE)
        epochs = options.pick(4, quick=1)
        alternate(_works(kind, 2 * BATCH_SIZE, epochs=1), repeats=1)
        runs = alternate(_works(kind, n_rows, epochs), options.repeats(3))
        rows += compare(
            runs,
            kind.name,
            details=lambda runs, n=n_rows * epochs: {
                "rows/s": n / median(run.seconds for run in runs)
            },
        )
    title = f"Networks for images and sequences, 4 epochs, batches of {BATCH_SIZE}, Adam"
    return CaseResult(title, rows, [MODEL_FIT_NOTE])


def _works(kind: Kind, n_rows: int, epochs: int) -> dict[str, Work]:
    X, y = kind.make_rows(n_rows)

    def fit(estimator: Any) -> None:
        estimator.fit(X, y)

    def fit_model(model: keras.Model) -> None:
        model.fit(X, y, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)

    works = {
        OURS: Work(fit, lambda: _ours(kind, epochs)),
        MODEL_FIT: Work(fit_model, lambda: _compiled(kind)),
    }
    if util.find_spec("skorch"):
        works[SKORCH] = Work(fit, lambda: _skorch(kind, epochs))
    return works


def _ours(kind: Kind, epochs: int) -> KerasMulticlassClassifier:
    load(OURS).reset()
    return KerasMulticlassClassifier(
        model=lambda: _network(kind),
        optimizer="adam",
        epochs=epochs,
        batch_size=BATCH_SIZE,
        random_state=0,
    )


def _network(kind: Kind) -> keras.Model:
    inputs = keras.Input(kind.row_shape, dtype="int32" if kind.tokens else "float32")
    return keras.Model(inputs, keras.layers.Dense(N_CLASSES)(kind.backbone(inputs)))


def _compiled(kind: Kind) -> keras.Model:
    model = _network(kind)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return model


def _skorch(kind: Kind, epochs: int) -> Any:
    import torch
    from skorch import NeuralNetClassifier

    from ..kinds import torch_modules

    return NeuralNetClassifier(
        getattr(torch_modules, kind.module),
        module__n_classes=N_CLASSES,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=epochs,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks="disable",
        verbose=0,
    )
