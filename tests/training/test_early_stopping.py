"""Early stopping restores the best epoch, by any metric, on the rows it is meant to use."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import train_test_split

from _toy import tiny
from keras_multiclass._data.splitting import validation_split
from keras_multiclass._shared.seeding import epoch_seed
from keras_multiclass._training.early_stopping import build_early_stopping, resolve_early_stopping

X, y = load_iris(return_X_y=True)
TRAIN_X, VAL_X, TRAIN_Y, VAL_Y = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)


@pytest.mark.parametrize("early_stopping", [2, {"patience": 2}])
def test_early_stopping_restores_the_best_epoch(early_stopping):
    wrong = np.where(np.arange(len(VAL_Y)) % 2 == 0, (VAL_Y + 1) % 3, VAL_Y)
    classifier = tiny(epochs=60, early_stopping=early_stopping)
    classifier.fit(TRAIN_X, TRAIN_Y, X_val=VAL_X, y_val=wrong)
    losses = classifier.history_["val_loss"]
    best = int(np.argmin(losses))
    assert classifier.n_iter_ == len(losses) == best + 1 + 2 < 60
    loss = log_loss(wrong, classifier.predict_proba(VAL_X))
    assert loss == pytest.approx(losses[best], rel=1e-5)
    assert abs(loss - losses[-1]) > 1e-4


def test_early_stopping_can_monitor_a_metric():
    early_stopping = {"monitor": "val_macro_f1", "patience": 1, "min_delta": 1.0}
    classifier = tiny(epochs=60, early_stopping=early_stopping, metrics=["macro_f1"])
    classifier.fit(TRAIN_X, TRAIN_Y, X_val=VAL_X, y_val=VAL_Y)
    best = max(classifier.history_["val_macro_f1"][:1])
    assert classifier.n_iter_ == 2
    score = f1_score(VAL_Y, classifier.predict(VAL_X), average="macro")
    assert score == pytest.approx(best)


def test_early_stopping_holds_out_a_tenth_by_default():
    for params, n_held_out in (({}, 15), ({"validation_split": 0.2}, 30)):
        classifier = tiny(epochs=2, early_stopping=True, **params).fit(X, y)
        _, val = validation_split(y, n_held_out / 150, epoch_seed(0, 0))
        loss = log_loss(y[val], classifier.predict_proba(X[val]))
        assert min(classifier.history_["val_loss"]) == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize(("metric", "mode"), [("brier", "min"), ("val_auc", "max")])
def test_the_mode_follows_from_the_metric_unless_it_is_given(metric, mode):
    modes = {"brier": "min", "auc": "max"}
    arguments = resolve_early_stopping({"monitor": metric})
    assert build_early_stopping(arguments, modes).mode == mode
    other = {"min": "max", "max": "min"}[mode]
    assert build_early_stopping({**arguments, "mode": other}, modes).mode == other


def test_a_metric_of_unknown_mode_needs_one():
    arguments = resolve_early_stopping({"monitor": "val_counts"})
    with pytest.raises(ValueError, match=r"must have a 'mode'.* unknown whether higher"):
        build_early_stopping(arguments, {"counts": None})
    assert build_early_stopping({**arguments, "mode": "max"}, {"counts": None}).mode == "max"
