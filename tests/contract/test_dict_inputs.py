"""Classifiers read several inputs, each with its own kind, and need all of them."""

import pickle
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    ShuffleSplit,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    permutation_test_score,
)
from sklearn.pipeline import make_pipeline

from keras_multiclass import Inputs, KerasMulticlassClassifier, KerasMultilabelClassifier
from keras_multiclass.evaluation import cross_validated_report
from keras_multiclass.exceptions import BackboneError

pd = pytest.importorskip("pandas")

N = 300


def make_rows(n, seed):
    """Return rows whose label no input alone tells, and of which a tenth has the wrong label."""
    rng = np.random.default_rng(seed)
    bright, kind = rng.integers(0, 2, (2, n))
    frame = pd.DataFrame({"kind": np.where(kind, "a", "b"), "number": rng.normal(size=n)})
    frame["kind"] = frame["kind"].astype("category")
    frame.loc[::7, "number"] = np.nan
    steps = rng.normal(size=(n, 6, 2)) + 3 * bright[:, None, None]
    steps[:, 4:] = 0  # padding
    ids = rng.integers(2, 5, (n, 4))
    ids[:, 0] = np.where(kind, 5, 1)
    inputs = {
        "photo": rng.normal(size=(n, 4, 4, 1)) + 2 * bright[:, None, None, None],
        "facts": frame,
        "steps": steps,
        "ids": ids,
        "kind": kind,
    }
    y = np.where(bright ^ kind ^ (rng.permutation(n) < n // 10), "odd", "even")
    return Inputs(inputs), y


def only(inputs, *names):
    return Inputs({name: inputs[name] for name in names})


ALL, Y = make_rows(N, 0)
NEW, Y_NEW = make_rows(400, 1)
ROWS = only(ALL, "photo", "facts")
X = dict(ROWS.items())
IMAGES, FRAME, KIND = ALL["photo"], ALL["facts"], ALL["kind"]
rng = np.random.default_rng(0)


def flat(inputs, units=8):
    return layers.Dense(units, activation="relu")(layers.Flatten()(inputs))


def small(**params):
    return KerasMulticlassClassifier(
        **{
            "backbone": {"photo": flat, "facts": "mlp"},
            "backbone__facts__hidden_units": (8,),
            "optimizer__learning_rate": 0.05,
            "epochs": 1,
            "random_state": 0,
            **params,
        }
    )


def permuted(inputs, name):
    order = np.random.default_rng(1).permutation(len(inputs))
    return {**inputs, name: inputs[order][name]}


@pytest.fixture(scope="module")
def trained():
    return small(epochs=15).fit(X, Y)


def assert_needs_all(classifier, *names):
    """Check that new rows are predicted about as well as can be, and by chance without an input."""
    new = only(NEW, *names)
    assert 0.85 < classifier.score(new, Y_NEW) < 0.93  # the best possible score is 0.9
    for name in names:
        assert 0.4 < classifier.score(permuted(new, name), Y_NEW) < 0.6


def test_an_image_and_a_table_are_read_together(trained):
    assert_needs_all(trained, "photo", "facts")
    assert trained.input_shape_ == {"photo": (4, 4, 1), "facts": (2,)}
    assert trained.n_features_in_ == 2
    assert list(trained.feature_names_in_) == ["photo", "facts"]
    assert list(trained.network_feature_names_) == [
        "facts__number",
        "facts__number_missing",
        "facts__kind_b",
    ]
    assert [trained.model_.get_layer(name).output.shape for name in X] == [(None, 8)] * 2


def test_the_default_backbone_depends_on_the_input():
    ids = rng.integers(0, 5, (40, 6))
    inputs = {"image": IMAGES[:40], "table": FRAME[:40], "steps": IMAGES[:40, ..., 0], "more": ids}
    resolved = KerasMulticlassClassifier().initialize(inputs, Y[:40]).resolved_params_
    expected = {
        "image": "cnn",
        "table": "realmlp_small",
        "steps": "conv1d",
        "more": "realmlp_small",
    }
    assert resolved["backbone"] == expected


def mean_of_steps(inputs, mask):
    return layers.GlobalAveragePooling1D()(inputs, mask=mask)


def test_two_sequences_are_read_together():
    classifier = KerasMulticlassClassifier(
        {"steps": mean_of_steps, "ids": "conv1d"},
        backbone__ids__filters=4,
        backbone__ids__num_layers=1,
        epochs=20,
        optimizer__learning_rate=0.02,
        random_state=0,
    )
    assert_needs_all(classifier.fit(only(ALL, "steps", "ids"), Y), "steps", "ids")


def test_sequences_of_unequal_length_are_read_with_other_inputs():
    def cut(inputs):  # some of the padding
        lengths = 4 + np.arange(len(inputs)) % 3
        steps = [x[:n] for x, n in zip(inputs["steps"], lengths, strict=True)]
        return Inputs(
            steps=[x[:4] if i % 2 else x for i, x in enumerate(steps)], kind=inputs["kind"]
        )

    def mean_of_real_steps(inputs, mask):
        mask = ops.cast(mask, inputs.dtype)[..., None]
        return ops.sum(inputs * mask, axis=1) / ops.sum(mask, axis=1)

    classifier = KerasMulticlassClassifier(
        {"steps": mean_of_real_steps, "kind": "mlp"},
        backbone__kind__hidden_units=(4,),
        epochs=20,
        optimizer__learning_rate=0.02,
        random_state=0,
    ).fit(cut(ALL), Y)
    assert classifier.input_shape_ == {"steps": (None, 2), "kind": (1,)}
    assert classifier.score(cut(NEW), Y_NEW) > 0.85


@pytest.mark.parametrize(
    "run",
    [
        lambda c: GridSearchCV(
            c, {"backbone__photo__units": [2, 4]}, cv=2, error_score="raise"
        ).fit(ROWS, Y),
        lambda c: cross_val_predict(c, ROWS, Y, cv=2, method="predict_proba"),
        lambda c: learning_curve(c, ROWS, Y, cv=2, train_sizes=[0.5, 1.0]),
        lambda c: permutation_test_score(c, ROWS, Y, cv=2, n_permutations=1),
        lambda c: cross_val_score(c, ROWS, Y, cv=2, params={"X_val": (X, Y)}, error_score="raise"),
        lambda c: make_pipeline(c).fit(ROWS, Y).score(ROWS, Y),
        lambda c: cross_validated_report(c, X, Y, cv=2),
        lambda c: c.fit(X, Y, X_val=X, y_val=Y),
        lambda c: c.fit(X, Y, X_val=lambda: iter([(X, Y)])),
        lambda c: c.set_params(validation_split=ShuffleSplit(1)).fit(X, Y),
        lambda c: c.set_params(early_stopping=True, calibration="temperature").fit(X, Y),
        lambda c: c.set_params(n_ensemble=2, validation_split=2).fit(X, Y).predict_proba(X),
        lambda c: c.set_params(class_weight="balanced").fit(X, Y, np.arange(N)),
        lambda c: c.set_params(dtype="float64").fit(X, Y),
        lambda c: c.set_params(dtype="mixed_float16").fit(X, Y),
        lambda c: c.set_params(engine="keras").fit(X, Y),
        lambda c: c.partial_fit(X, Y).partial_fit(ROWS, Y),
        lambda c: c.set_params(scaling={"facts": "quantile"}).fit(X, Y),
        lambda c: c.set_params(categorical_features={"facts": ["kind"]}).fit(X, Y),
    ],
)
def test_what_works_with_one_input_works_with_several(run):
    run(small())


def test_copies_predict_the_same(trained):
    expected = trained.predict_proba(X)
    for copied in (pickle.loads(pickle.dumps(trained)), clone(trained).fit(ROWS, Y)):
        np.testing.assert_allclose(copied.predict_proba(ROWS), expected, atol=1e-5)
    reordered = dict(reversed(X.items()))
    np.testing.assert_array_equal(trained.predict_proba(reordered), expected)
    np.testing.assert_allclose(trained.predict_proba(ROWS[[3]])[0], expected[3], atol=1e-5)


def test_a_frame_may_hold_images_in_its_cells():
    frame = FRAME.assign(photo=list(IMAGES))
    classifier = KerasMulticlassClassifier({"photo": flat, "table": "mlp"}, epochs=1)
    assert classifier.fit(frame, Y).input_shape_ == {"table": (2,), "photo": (4, 4, 1)}
    assert len(cross_val_score(classifier, frame, Y, cv=2, error_score="raise")) == 2


def test_several_labels_are_learned_from_several_inputs():
    labels = np.stack([IMAGES.mean(axis=(1, 2, 3)) > 1, KIND], axis=1).astype(int)
    classifier = KerasMultilabelClassifier(
        {"photo": flat, "facts": "mlp"}, epochs=15, optimizer__learning_rate=0.02, random_state=0
    ).fit(X, labels)
    assert (classifier.predict(X) == labels).mean() > 0.95


@pytest.mark.parametrize("members", [3, 2])
def test_an_ensemble_is_joined_with_other_backbones(members):
    classifier = KerasMulticlassClassifier(
        {"photo": flat, "facts": "tabm", "more": "tabm"},
        backbone__facts__n_members=3,
        backbone__facts__units=4,
        backbone__more__n_members=members,
        backbone__more__units=4,
        epochs=1,
    )
    inputs = {**X, "more": FRAME}
    if members == 3:
        assert classifier.fit(inputs, Y).model_.get_layer("facts").output.shape == (None, 3, 4)
        return
    with pytest.raises(BackboneError, match="same for all inputs; got 3 for 'facts', 2 for 'more'"):
        classifier.fit(inputs, Y)


@pytest.mark.parametrize("library", ["list", "numpy", "pandas", "polars"])
def test_one_number_per_row_is_a_table_of_one_column(library):
    make = {
        "list": np.ndarray.tolist,
        "numpy": np.asarray,
        "pandas": pd.Series,
        "polars": pytest.importorskip("polars").Series,
    }
    inputs = Inputs(kind=make[library](KIND), number=make[library](KIND * 1.5))
    classifier = KerasMulticlassClassifier("mlp", epochs=1, random_state=0)
    expected = Inputs(kind=KIND[:, None], number=KIND[:, None] * 1.5)
    found = classifier.fit(inputs, Y).predict_proba(inputs[:5])
    np.testing.assert_array_equal(
        found, clone(classifier).fit(expected, Y).predict_proba(expected)[:5]
    )


def test_one_name_is_for_all_inputs():
    classifier = KerasMulticlassClassifier(
        "mlp", backbone__hidden_units=(4,), backbone__b__hidden_units=(5,), epochs=1
    )
    classifier.fit({"a": FRAME, "b": FRAME}, Y)
    shapes = [classifier.model_.get_layer(name).output.shape for name in "ab"]
    assert shapes == [(None, 4), (None, 5)]


@pytest.mark.parametrize(
    "names",
    [("a b/c", "a b:c"), ("features", "logits"), ("a", "a_input"), ("dense", "concatenate")],
)
def test_inputs_may_have_any_names(names):
    inputs = dict.fromkeys(names, FRAME)
    arguments = {f"backbone__{name}__hidden_units": (4,) for name in names}
    classifier = KerasMulticlassClassifier("mlp", epochs=1, **arguments).fit(inputs, Y)
    assert list(classifier.feature_names_in_) == list(names)


def test_a_function_takes_all_inputs():
    sequence = rng.normal(size=(N, 3, 2))
    sequence[:, 2] = 0

    def joined(inputs, *, mask, units=4):
        assert {name: x.shape for name, x in inputs.items()} == {
            "photo": (None, 4, 4, 1),
            "facts": (None, 3),
            "steps": (None, 3, 2),
        }
        assert {name: m.shape for name, m in mask.items()} == {"steps": (None, 3)}
        steps = ops.sum(inputs["steps"] * ops.cast(mask["steps"], "float32")[..., None], axis=1)
        photo = layers.Dense(units)(layers.Flatten()(inputs["photo"]))
        return layers.Concatenate()([photo, inputs["facts"], steps])

    classifier = KerasMulticlassClassifier(joined, backbone__units=5, epochs=1)
    classifier.fit({**X, "steps": sequence}, Y)
    assert classifier.model_.get_layer("logits").kernel.shape == (5 + 3 + 2, 2)


def hub_like():
    """Return a network with inputs and output as those of KerasHub's backbones."""
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = layers.Embedding(9, 4)(ids)
    pooled = layers.GlobalAveragePooling1D()(x, mask=ops.cast(mask, "bool"))
    return keras.Model({"token_ids": ids, "padding_mask": mask}, pooled)


class SubclassedHub(keras.Model):
    """The same, as a subclass."""

    def __init__(self, **options):
        super().__init__(**options)
        self.embedding = layers.Embedding(9, 4)

    def call(self, inputs):
        mask = ops.cast(inputs["padding_mask"], "float32")[..., None]
        x = self.embedding(ops.cast(inputs["token_ids"], "int32"))
        return ops.sum(x * mask, axis=1) / ops.sum(mask, axis=1)


@pytest.mark.parametrize("make", [hub_like, SubclassedHub])
def test_a_pretrained_network_gets_token_ids_and_their_mask(make):
    ids = rng.integers(1, 9, (N, 5))
    mask = rng.random((N, 5)) < 0.8
    mask[:, 0] = True
    network = make()
    expected = ops.convert_to_numpy(network({"token_ids": ids, "padding_mask": mask.astype(int)}))
    y = expected[:, 0] > np.median(expected[:, 0])
    inputs = {"padding_mask": mask, "token_ids": ids}
    classifier = KerasMulticlassClassifier(network, epochs=1, optimizer__learning_rate=0.0)
    classifier.fit(inputs, y)
    head = classifier.model_.get_layer("logits")
    logits = expected @ ops.convert_to_numpy(head.kernel) + ops.convert_to_numpy(head.bias)
    found = classifier.decision_function(inputs)
    np.testing.assert_allclose(found, logits[:, 1] - logits[:, 0], atol=1e-5)
    if make is hub_like:  # which says that it reads integers
        with pytest.raises(ValueError, match="'token_ids' cannot be used: X must be whole numbers"):
            classifier.predict({**inputs, "token_ids": ids + 0.5})


def two_inputs(form=list, name="kind", units=8):
    photo, kind = keras.Input((4, 4, 1), name="photo"), keras.Input((1,), name=name)
    joined = layers.Concatenate()([layers.GlobalAveragePooling2D()(photo), kind])
    outputs = layers.Dense(2, activation="softmax")(layers.Dense(units, activation="relu")(joined))
    return keras.Model([photo, kind] if form is list else {"photo": photo, name: kind}, outputs)


@pytest.mark.parametrize(
    ("wrap", "members"),
    [(lambda network: network, 2), (lambda network: lambda inputs: network(inputs), 1)],
    ids=["network", "function"],
)
def test_a_network_for_one_input_is_copied(wrap, members):
    network = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(3)])
    before = network.get_weights()
    classifier = small(backbone={"photo": wrap(network), "facts": "mlp"}, n_ensemble=members)
    classifier.fit(X, Y)
    for value, unchanged in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, unchanged)
    again = clone(classifier).fit(X, Y)
    np.testing.assert_allclose(again.predict_proba(X), classifier.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("form", [list, dict])
@pytest.mark.parametrize("built", [True, False])
def test_a_whole_model_gets_its_inputs_by_name(form, built):
    inputs = only(ALL, "kind", "photo")  # in another order
    model = two_inputs(form) if built else partial(two_inputs, form)
    classifier = KerasMulticlassClassifier(
        model=model, epochs=30, optimizer__learning_rate=0.02, random_state=0
    ).fit(inputs, Y)
    assert_needs_all(classifier, "kind", "photo")
    restored = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(restored.predict(inputs), classifier.predict(inputs))


def test_builders_get_the_shapes_of_the_inputs():
    def build(meta):
        assert meta["n_features_in_"] == 2
        assert meta["X_shape_"] == {"photo": (N, 4, 4, 1), "kind": (N, 1)}
        return two_inputs()

    KerasMulticlassClassifier(model=build, epochs=1).fit(only(ALL, "photo", "kind"), Y)


class OwnStep(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


def own_step():
    model = two_inputs()
    return OwnStep(model.inputs, model.outputs[0])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"backbone": {"photo": flat}}, "`backbone` .* got none for 'facts'"),
        ({"backbone": {"photo": flat, "fact": "mlp"}}, "unknown 'fact' .* Did you mean 'facts'?"),
        ({"backbone": {"photo": "cn", "facts": "mlp"}}, "Input 'photo' .* got 'cn'. Did you mean"),
        ({"backbone": "mlp"}, "Input 'photo' .* Pass a dict with a backbone for each input"),
        ({"backbone__facts__units": 1}, "`backbone__facts__units` must be an argument that"),
        ({"backbone__fact__hidden_units": 1}, "Did you mean 'backbone__facts__hidden_units'"),
        ({"backbone__units": 1}, "such as `backbone__photo__units`"),
        ({"scaling": {"photos": None}}, "`scaling` .* unknown 'photos'. Did you mean 'photo'"),
        ({"scaling": {"photo": "quantile"}}, "Input 'photo' .* unless X is a table"),
        ({"categorical_features": {"fact": [0]}}, "`categorical_features` .* Did you mean 'facts'"),
        ({"model": partial(two_inputs, name="kinds")}, "`model` .* Did you mean 'kinds'"),
        ({"model": own_step}, "OwnStep, which overrides 'train_step'"),
    ],
)
def test_parameters_that_do_not_fit_the_inputs_are_an_error(params, message):
    values = {"backbone__facts__hidden_units": (8,), "backbone": {"photo": flat, "facts": "mlp"}}
    values = {**({} if "model" in params else values), **params}
    inputs = only(ALL, "photo", "kind") if "model" in params else X
    with pytest.raises(ValueError, match=message):
        KerasMulticlassClassifier(epochs=1, **values).fit(inputs, Y)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"photo": IMAGES}, ValueError, "those of fit, 'photo', 'facts'; got 1 missing input"),
        ({**X, "more": FRAME}, ValueError, "got 1 new input: 'more'"),
        (IMAGES, TypeError, "a dict of the inputs 'photo', 'facts', as in fit; got ndarray"),
        ([IMAGES, FRAME], TypeError, r"Pass X = {'photo': X\[0\], 'facts': X\[1\]}"),
        ({**X, "facts": FRAME[:3]}, ValueError, "300 in 'photo', 3 in 'facts'"),
        ({**X, "photo": IMAGES[:, 1:]}, ValueError, "Input 'photo' .* of shape .4, 4, 1., as in"),
        ({**X, "photo": IMAGES * np.nan}, ValueError, "Input 'photo' .* contains NaN"),
        ({**X, "facts": FRAME[["number"]]}, ValueError, "Input 'facts' .*eature names"),
        (ROWS[:0], ValueError, r"0 sample\(s\)"),
    ],
)
def test_other_inputs_than_in_fit_are_an_error(trained, given, error, message):
    with pytest.raises(error, match=message):
        trained.predict(given)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"backbone": {"a": "mlp"}}, "A dict of backbones is for X with several inputs"),
        ({"scaling": {"a": None}}, "`scaling` must be one value unless X is a dict of inputs"),
    ],
)
def test_dicts_of_parameters_need_a_dict_of_inputs(params, message):
    with pytest.raises(ValueError, match=message):
        KerasMulticlassClassifier(**params).fit(FRAME, Y)


def test_a_text_and_numbers_are_read_together():
    kinds, sides = rng.integers(0, 2, (2, N))
    texts = np.where(kinds, "a small cat", "a big dog ran").astype(object)
    numbers = rng.normal(size=(N, 2)) / 4 + sides[:, None]
    y = kinds ^ sides
    inputs = Inputs(note=texts, numbers=numbers)
    classifier = KerasMulticlassClassifier(
        {"note": "bag_of_ngrams", "numbers": "mlp"}, epochs=30, random_state=0
    )
    scores = cross_val_score(
        classifier.set_params(text_vectorizer__min_df=2), inputs, y, cv=ShuffleSplit(1)
    )
    assert scores.min() > 0.9  # neither input alone tells more than chance
    alone = clone(classifier).set_params(backbone="bag_of_ngrams")
    note = only(inputs, "note")
    assert alone.fit(note, y).score(note, y) < 0.65
    restored = pickle.loads(pickle.dumps(classifier.fit(inputs, y)))
    new = {"numbers": numbers[:5], "note": list(texts[:5])}
    assert_array_equal = np.testing.assert_array_equal
    assert_array_equal(restored.predict_proba(new), classifier.predict_proba(inputs)[:5])


def test_the_vocabulary_of_an_input_is_that_of_the_training_rows():
    texts = [f"common {'kept' if i < 30 else 'held'}" for i in range(40)]
    inputs = {"note": texts, "numbers": rng.normal(size=(40, 2))}
    split = [(np.arange(30), np.arange(30, 40))]
    classifier = KerasMulticlassClassifier(
        {"note": "bag_of_ngrams", "numbers": "mlp"}, epochs=1, validation_split=split
    ).fit(inputs, np.arange(40) % 2)
    encoder = classifier._state.features.schemas["note"].text
    assert {"common", "kept"} <= set(encoder.vectorizer.vocabulary_)
    assert "held" not in encoder.vectorizer.vocabulary_


def test_a_network_that_reads_strings_is_for_texts_alone():
    vectorize = layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(["a b", "b c"])
    strings = keras.Input((), dtype="string")
    own = keras.Model(strings, layers.Dense(2)(ops.cast(vectorize(strings), "float32")))
    inputs = {"note": ["a b", "b c"] * 10, "numbers": rng.normal(size=(20, 2))}
    with pytest.raises(ValueError, match="Texts beside other inputs must be for a backbone by"):
        KerasMulticlassClassifier({"note": own, "numbers": "mlp"}).fit(inputs, np.arange(20) % 2)


def test_the_vectorizer_of_each_text_is_kept():
    texts = ["an oak", "a fir", "the oak", "the fir"] * 5
    X = {"title": texts, "size": np.ones((20, 2)), "note": texts[::-1]}
    classifier = KerasMulticlassClassifier(epochs=1, random_state=0).fit(X, texts)
    assert set(classifier.text_vectorizer_) == {"title", "note"}
    assert "oak" in classifier.text_vectorizer_["title"].vocabulary_
