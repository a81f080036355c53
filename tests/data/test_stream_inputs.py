"""Streams whose batches hold several inputs train like dicts of arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_multiclass import Inputs, KerasMulticlassClassifier

N, SIZE = 96, 32
RNG = np.random.default_rng(0)
Y = np.array(["ash", "fir", "oak"])[np.arange(N) % 3]
WEIGHTS = RNG.uniform(0.5, 2.0, N)
PHOTOS = RNG.normal(size=(N, 8, 8, 1)).astype(np.float32)
NUMBERS = RNG.normal(size=(N, 3)).astype(np.float32)
TOKENS = RNG.integers(0, 20, (N, 5))
FACTS = pd.DataFrame(
    {
        "gaps": np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N)),
        "kind": RNG.choice(list("xyz"), N),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 900, N), "h"),
    }
)
NOTES = np.array([" ".join(RNG.choice(["big", "old", "new"], 3)) for _ in range(N)], object)


def cut(inputs, *others):
    """Return a function that iterates over batches of dicts."""
    return lambda: (
        (
            {name: part[i : i + SIZE] for name, part in inputs.items()},
            *(other[i : i + SIZE] for other in others),
        )
        for i in range(0, N, SIZE)
    )


@pytest.mark.parametrize(
    ("inputs", "backbone", "params"),
    [
        ({"photo": PHOTOS, "facts": FACTS}, {"photo": "cnn", "facts": "mlp"}, {}),
        ({"note": NOTES, "numbers": NUMBERS}, {"note": "bag_of_ngrams", "numbers": "mlp"}, {}),
        ({"tokens": TOKENS, "facts": FACTS}, {"tokens": "gru", "facts": "mlp_plr"}, {}),
        (
            {"codes": TOKENS[:, :2], "numbers": NUMBERS},
            "mlp",
            {"categorical_features": {"codes": [0]}, "scaling": "robust"},
        ),
    ],
    ids=["photo and table", "text and numbers", "tokens and table", "categories"],
)
def test_inputs_of_a_stream_train_like_those_of_arrays(inputs, backbone, params):
    params = {"epochs": 2, "random_state": 0, "class_weight": {"ash": 2.0}, **params}
    in_memory = KerasMulticlassClassifier(backbone, shuffle=False, batch_size=SIZE, **params)
    in_memory.fit(inputs, Y, WEIGHTS)
    streamed = KerasMulticlassClassifier(backbone, **params).fit(cut(inputs, Y, WEIGHTS))
    np.testing.assert_allclose(
        streamed.history_["loss"], in_memory.history_["loss"], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        streamed.predict_proba(inputs), in_memory.predict_proba(inputs), atol=1e-3
    )
    assert streamed.input_shape_ == in_memory.input_shape_
    assert streamed.feature_names_in_.tolist() == list(inputs)


def test_a_dataset_of_dicts_is_trained_validated_continued_and_evaluated():
    inputs = {"photo": PHOTOS, "numbers": NUMBERS}
    dataset = tf.data.Dataset.from_tensor_slices((inputs, Y)).batch(SIZE)
    classifier = KerasMulticlassClassifier(
        {"photo": "cnn", "numbers": "mlp"}, epochs=2, random_state=0, validation_split=0.2
    )
    fitted = classifier.fit(dataset).partial_fit(dataset).partial_fit(inputs, Y)
    assert fitted.n_iter_ == 4
    assert len(fitted.history_["val_loss"]) == 2
    np.testing.assert_allclose(
        fitted.predict_proba(dataset), fitted.predict_proba(Inputs(inputs)), atol=1e-6
    )
    assert fitted.score(dataset) == pytest.approx(fitted.score(inputs, Y))


BATCH = {"facts": FACTS, "numbers": NUMBERS}


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"facts": FACTS}, "inputs of X must be those of the first batch.*missing input: 'num"),
        (NUMBERS, "X must be a dict of inputs, as in the first batch; got ndarray"),
        (
            {**BATCH, "facts": FACTS.assign(kind=1)},
            "Input 'facts' .*'kind' of X must be of one",
        ),
        ({**BATCH, "numbers": NUMBERS[:, :2]}, "Input 'numbers' cannot be used: X has 2 features"),
    ],
)
def test_batches_with_other_inputs_are_errors(second, words):
    with pytest.raises((TypeError, ValueError), match=f"Batch 2 of X cannot be used: .*{words}"):
        KerasMulticlassClassifier("mlp", epochs=1).fit(lambda: iter([(BATCH, Y), (second, Y)]))
