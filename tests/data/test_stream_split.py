"""Rows that are held out of a stream: the same in each pass, and never trained on."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.model_selection import ShuffleSplit

from keras_multiclass import KerasMulticlassClassifier, KerasMultilabelClassifier, TableBatches
from keras_multiclass._training.reading.stream_split import RowSplit

N, SIZE = 200, 32
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4)).astype(np.float32)
CODES = (X[:, :3] + RNG.normal(size=(N, 3))).argmax(axis=1)
Y = np.array(["ash", "fir", "oak"])[CODES]


def cut(*arrays, size=SIZE):
    """Return a function that iterates over batches."""
    starts = range(0, len(arrays[0]), size)
    return lambda: (tuple(a[i : i + size] for a in arrays) for i in starts)


def classifier(**params):
    common = {"backbone__hidden_units": (8,), "epochs": 3, "random_state": 0}
    return KerasMulticlassClassifier("mlp", **{**common, **params})


def held_out_rows(fitted, fraction, codes=CODES, weights=None):
    """Return a mask of the rows that a fit has held out."""
    places = RowSplit(fraction, fitted._state.seed, "X").places()
    batches = [np.s_[i : i + SIZE] for i in range(0, N, SIZE)]
    return np.concatenate(
        [places.mask(codes[b], None if weights is None else weights[b]) for b in batches]
    )


@pytest.mark.parametrize(
    ("params", "fraction"),
    [
        ({"validation_split": 0.25}, 0.25),
        ({"early_stopping": True}, 0.1),
        ({"early_stopping": 2, "validation_split": 0.3, "class_weight": "balanced"}, 0.3),
        ({"calibration": "temperature", "validation_split": 0.3}, 0.3),
    ],
    ids=["fraction", "early stopping", "both", "calibration"],
)
def test_the_rest_of_each_batch_is_trained_on_and_the_held_out_rows_validated(params, fraction):
    """As if the user had split the batches, and passed the others as X_val."""
    split = classifier(**params).fit(cut(X, Y))
    mask = held_out_rows(split, fraction)
    assert 0 < mask.mean() < 2 * fraction
    assert split.resolved_params_["validation_split"] == fraction
    batches = [np.arange(i, min(i + SIZE, N)) for i in range(0, N, SIZE)]
    parts = [[rows[mask[rows] == part] for rows in batches] for part in (False, True)]
    training, held_out = ([(X[rows], Y[rows]) for rows in part] for part in parts)
    params = {**params, "validation_split": None}
    expected = classifier(**params).fit(
        lambda: iter(training), X_val=lambda: (b for b in held_out if len(b[0]))
    )
    assert "val_loss" in expected.history_
    for name, values in expected.history_.items():
        np.testing.assert_allclose(split.history_[name], values, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(split.predict_proba(X), expected.predict_proba(X), atol=1e-5)


def test_labels_weights_and_values_of_held_out_rows_do_not_reach_training():
    weights = RNG.uniform(0.5, 2.0, N)
    first = classifier(validation_split=0.2, class_weight="balanced").fit(cut(X, Y, weights))
    mask = held_out_rows(first, 0.2, weights=weights)
    others = np.where(mask[:, None], X + 100, X), np.where(mask, np.roll(Y, 1), Y), weights + mask
    second = classifier(validation_split=0.2, class_weight="balanced").fit(cut(*others))
    np.testing.assert_array_equal(held_out_rows(second, 0.2, weights=weights), mask)
    assert first.history_["loss"] == pytest.approx(second.history_["loss"])
    np.testing.assert_allclose(first.predict_proba(X), second.predict_proba(X), rtol=1e-5)
    assert first.history_["val_loss"] != pytest.approx(second.history_["val_loss"])


def test_categories_and_words_of_held_out_rows_are_unknown():
    names = pd.DataFrame({"name": [f"c{i % 150}" for i in range(N)], "x": np.arange(N) % 7})
    fitted = classifier(validation_split=0.3).fit(
        lambda: ((names[i : i + SIZE], Y[i : i + SIZE]) for i in range(0, N, SIZE))
    )
    trained = set(names["name"][~held_out_rows(fitted, 0.3)])
    assert set(fitted._state.features.columns.categorical[0].categories) == trained
    texts = np.array([f"word{i} tree" for i in range(N)], dtype=object)
    reader = KerasMulticlassClassifier(
        epochs=1, random_state=0, n_ensemble=1, validation_split=0.3
    ).fit(cut(texts, Y))
    words = {f"word{i}" for i in np.flatnonzero(~held_out_rows(reader, 0.3))}
    known = {word for word in reader.text_vectorizer_.vocabulary_ if word.startswith("word")}
    assert {word for word in known if " " not in word and "*" not in word} == words


def test_every_class_is_trained_on():
    rare = Y.copy().astype(object)
    rare[::40] = [f"rare{i}" for i in range(5)]
    fitted = classifier(validation_split=0.9, epochs=1).fit(cut(X, rare))
    assert len(fitted.classes_) == 8
    mask = held_out_rows(fitted, 0.9, np.unique(rare.astype(str), return_inverse=True)[1])
    assert set(rare[~mask]) == set(rare)


def test_other_kinds_of_targets_and_networks_hold_out_rows():
    labels = (X[:, :3] > 0).astype(int)
    several = KerasMultilabelClassifier(
        "mlp", backbone__hidden_units=(8,), epochs=1, threshold="f1", random_state=0
    ).fit(cut(X, labels))
    assert "val_loss" in several.history_
    assert set(several.thresholds_) != {0.5}
    soft = np.eye(3)[CODES] * 0.7 + 0.1
    assert "val_loss" in classifier(validation_split=0.2, epochs=1).fit(cut(X, soft)).history_
    sequences = KerasMulticlassClassifier("gru", backbone__units=4, epochs=1, validation_split=0.2)
    rows = [RNG.normal(size=(2 + i % 3, 2)) for i in range(N)]
    assert "val_loss" in sequences.fit(cut(rows, Y)).history_


def test_the_split_does_not_depend_on_the_other_passes_and_repeats_with_the_seed():
    one, other = (classifier(validation_split=0.2).fit(cut(X, Y)) for _ in range(2))
    assert one.history_ == other.history_
    different = classifier(validation_split=0.2, random_state=1).fit(cut(X, Y))
    assert (held_out_rows(one, 0.2) != held_out_rows(different, 0.2)).any()


# --- streams that differ between passes -----------------------------------------------------------


def shuffled(*, each_time):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    return dataset.shuffle(N, seed=0, reshuffle_each_iteration=each_time).batch(SIZE)


def test_a_dataset_in_another_order_in_each_pass_would_leak_and_is_an_error():
    epochs = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    fitted = classifier(warm_start=True, callbacks=watch).fit(cut(X, Y))
    before = fitted.predict_proba(X)
    epochs.clear()
    fitted.set_params(validation_split=0.2)
    with pytest.raises(ValueError, match=r"same in each pass.*other rows in batch 1 .*reshuffle"):
        fitted.fit(shuffled(each_time=True))
    assert not epochs
    np.testing.assert_array_equal(fitted.predict_proba(X), before)
    assert "val_loss" in fitted.fit(shuffled(each_time=False)).history_
    assert fitted.set_params(validation_split=None).fit(shuffled(each_time=True))


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ("more", "more than the 7 batches of the first pass"),
        ("fewer", "6 batches instead of the 7 of the first pass"),
        ("values", "other rows in batch 4 than in the first pass"),
    ],
)
def test_any_other_difference_is_noticed(change, got):
    passes = []

    def read():
        passes.append(0)
        batches = list(cut(X, Y)())
        if len(passes) < 3:
            return iter(batches)
        if change == "values":
            batches[3] = (batches[3][0] + 1e-3, batches[3][1])
        return iter(batches + batches[:1] if change == "more" else batches[:-1])

    with pytest.raises(ValueError, match=f"must be the same in each pass, .*; got {got}"):
        classifier(validation_split=0.2).fit(read)


def test_a_py_dataset_that_shuffles_at_the_end_of_an_epoch_is_noticed():
    class Shuffling(keras.utils.PyDataset):
        order = np.arange(N)

        @property
        def num_batches(self):
            return 7

        def __getitem__(self, index):
            rows = self.order[index * SIZE :][:SIZE]
            return X[rows], Y[rows]

        def on_epoch_end(self):
            self.order = self.order[::-1]

    with pytest.raises(ValueError, match="other rows in batch 1 than in the first pass"):
        classifier(validation_split=0.2).fit(Shuffling())


def test_tables_in_files_hold_out_rows_of_each_batch_unless_they_are_shuffled():
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({**{f"x{i}": X[:, i] for i in range(4)}, "y": Y}).lazy()
    fitted = classifier(validation_split=0.2).fit(
        TableBatches(table, "y", batch_size=16, shuffle=False)
    )
    assert len(fitted.history_["val_loss"]) == 3
    mixed = classifier(validation_split=0.2, categorical_features=["x0"]).fit(
        TableBatches(table, "y", batch_size=16, shuffle=False)
    )
    assert len(mixed.history_["val_loss"]) == 3
    with pytest.raises(ValueError, match=r"same in each pass.*TableBatches\(..., shuffle=False"):
        classifier(validation_split=0.2).fit(TableBatches(table, "y", batch_size=16))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"validation_split": 4}, "must be None or a fraction when X is a stream; got 4"),
        ({"validation_split": ShuffleSplit(1)}, "must be None or a fraction .* pass X_val"),
        ({"early_stopping": True, "fit__steps_per_epoch": 2}, "`early_stopping` needs X_val when"),
        ({"validation_split": 1e-6}, "a fraction that holds out some rows .*in 7 batches"),
    ],
)
def test_splits_that_a_stream_cannot_have_are_errors(params, words):
    with pytest.raises(ValueError, match=words):
        classifier(**params).fit(cut(X, Y))
    validated = classifier(**{**params, "validation_split": None}).fit(cut(X, Y), X_val=cut(X, Y))
    assert "val_loss" in validated.history_


def test_other_methods_and_a_fraction_of_zero_hold_out_nothing():
    assert "val_loss" not in classifier(validation_split=0.2).partial_fit(cut(X, Y)).history_
    assert "val_loss" not in classifier(validation_split=0.0).fit(cut(X, Y)).history_
