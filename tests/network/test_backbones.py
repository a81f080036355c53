"""Backbones: the contract of every builder, exact sequence masks, and the registry."""

from __future__ import annotations

import contextlib
import dataclasses
import doctest
import functools
import inspect
import random
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from numpydoc.docscrape import FunctionDoc

from keras_multiclass._network.backbones import (
    Backbone,
    get_backbone,
    list_backbones,
    register_backbone,
)
from keras_multiclass._network.backbones.registry import Registry
from keras_multiclass.exceptions import BackboneError

BUILT_IN = {
    "table": ("ft_transformer", "mlp", "realmlp", "realmlp_small", "resnet", "tabm", "tabm_small"),
    "image": ("cnn",),
    "sequence": ("conv1d", "gru", "lstm", "transformer"),
    "text": ("bag_of_ngrams",),
}
SHAPES = {"table": (6,), "image": (8, 8, 2), "sequence": (7, 3), "text": (7, 2)}

# Every registered backbone with its defaults, and with parameters that take its other branches.
CASES = [(name, {}) for names in BUILT_IN.values() for name in names] + [
    ("mlp", {"hidden_units": (9, 5), "normalization": "layer", "activation": "tanh"}),
    ("mlp", {"hidden_units": 8, "normalization": "batch", "dropout": 0.5}),
    ("realmlp", {"hidden_units": 8, "activation": "relu", "numeric_embedding": None}),
    ("realmlp", {"hidden_units": (9, 5), "activation": None, "dropout": 0.3}),
    ("mlp", {"numeric_embedding": "piecewise", "embedding_units": 3}),
    ("mlp", {"numeric_embedding": "periodic", "embedding_units": 3}),
    ("realmlp", {"hidden_units": 8, "numeric_embedding": "piecewise"}),
    ("resnet", {"units": 8, "numeric_embedding": "piecewise"}),
    ("resnet", {"units": 8, "normalization": "batch", "dropout": 0.2}),
    ("resnet", {"units": 8, "normalization": None, "residual_dropout": 0.2}),
    ("tabm", {"units": 8, "n_members": 2, "variant": "mini", "num_layers": 1}),
    ("tabm", {"units": 8, "numeric_embedding": "piecewise", "n_bins": 4, "activation": "tanh"}),
    ("ft_transformer", {"units": 8, "num_heads": 2, "num_layers": 1, "residual_dropout": 0.2}),
    ("cnn", {"filters": (4, 8), "normalization": "layer", "num_layers": 2}),
    ("cnn", {"filters": (8,), "normalization": "batch", "dropout": 0.2}),
    ("cnn", {"filters": 6, "normalization": None, "kernel_size": 2, "stem_strides": 2}),
    ("conv1d", {"filters": 8, "normalization": None, "pooling": "max", "dropout": 0.2}),
    ("lstm", {"units": 4, "bidirectional": True, "num_layers": 2}),
    ("gru", {"units": 4, "pooling": "average", "dropout": 0.2, "recurrent_dropout": 0.2}),
    ("transformer", {"units": 9, "num_heads": 3, "dropout": 0.2, "pooling": "max"}),
    ("transformer", {"units": 8, "num_heads": 2, "positions": "learned"}),
]


def _identity(case):
    name, params = case
    return "-".join([name, *(f"{k}={v}" for k, v in params.items())])


every_case = pytest.mark.parametrize("case", CASES, ids=_identity)
every_default = pytest.mark.parametrize("name", [name for name, params in CASES if not params])
sequence_case = pytest.mark.parametrize(
    "case", [c for c in CASES if c[0] in BUILT_IN["sequence"]], ids=_identity
)


def build(name, params, shape=None, *, masked=False):
    """Build a model that maps inputs (and a mask) to features."""
    backbone = get_backbone(name)
    inputs = keras.Input(SHAPES[backbone.kind] if shape is None else shape)
    if not masked:
        return keras.Model(inputs, backbone.builder(inputs, **params))
    mask = keras.Input(inputs.shape[1:2], dtype="bool")
    return keras.Model([inputs, mask], backbone.builder(inputs, mask=mask, **params))


_built = functools.cache(lambda name, params, masked: build(name, dict(params), masked=masked))


def built(case, *, masked=False):
    """Build each case once for the tests that do not change its weights."""
    name, params = case
    return _built(name, tuple(params.items()), masked)


def draw(name, rows, shape=None, seed=0):
    shape = SHAPES[get_backbone(name).kind] if shape is None else shape
    values = np.random.default_rng(seed).normal(size=(rows, *shape))
    return values.astype(keras.config.floatx())


def features(model, *inputs, **kwargs):
    out = model(list(inputs) if len(inputs) > 1 else inputs[0], **kwargs)
    return keras.ops.convert_to_numpy(out).astype("float64")


@contextlib.contextmanager
def dtype_policy(policy):
    before = keras.config.dtype_policy(), keras.config.floatx()
    try:
        keras.config.set_dtype_policy(policy)
        keras.config.set_floatx("float64" if policy == "float64" else "float32")
        yield
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_floatx(before[1])


def test_the_contract_covers_every_built_in_backbone():
    for kind, names in BUILT_IN.items():
        assert set(names) <= set(list_backbones(kind))
        assert all(get_backbone(name).kind == kind for name in names)


# --- the contract -------------------------------------------------------------------------------


@every_case
def test_features_are_a_finite_matrix_of_static_width(case):
    model = built(case)
    sizes = model.output.shape[1:]
    assert len(sizes) == 1 + get_backbone(case[0]).ensemble
    assert all(isinstance(size, int) for size in sizes)
    out = features(model, draw(case[0], 4))
    assert out.shape == (4, *sizes)
    assert np.isfinite(out).all()
    assert np.ptp(out, axis=0).max() > 1e-4, "features do not depend on the row"


@every_case
def test_a_model_rebuilt_from_json_computes_the_same(case):
    name = case[0]
    masked = get_backbone(name).kind == "sequence"
    model = built(case, masked=masked)
    twin = keras.models.model_from_json(model.to_json())
    twin.set_weights(model.get_weights())
    inputs = [draw(name, 3)]
    if masked:
        inputs.append(np.arange(7) < np.array([[7], [4], [0]]))
    np.testing.assert_array_equal(features(twin, *inputs), features(model, *inputs))


@every_case
def test_the_gradient_reaches_every_trainable_weight(case):
    body = build(*case)
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(body.output))
    model = keras.Model(body.input, logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # With a learning rate of 1, the change of a weight is its gradient.
    model.compile(keras.optimizers.SGD(1.0), loss, run_eagerly=True)
    before = [keras.ops.convert_to_numpy(w) for w in model.trainable_weights]
    model.train_on_batch(draw(case[0], 12), np.arange(12) % 3)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        change = np.abs(keras.ops.convert_to_numpy(weight) - old).max()
        assert change > 1e-6, f"{weight.path} has no gradient"


@every_case
@pytest.mark.parametrize(
    ("policy", "dtype"), [("float64", "float64"), ("mixed_float16", "float16")]
)
def test_features_follow_the_dtype_policy(case, policy, dtype):
    name, params = case
    masked = get_backbone(name).kind == "sequence"
    with dtype_policy(policy):
        model = build(name, params, masked=masked)
        assert model.output.dtype == dtype
        inputs = [draw(name, 3)]
        if masked:
            inputs.append(np.arange(7) < np.array([[7], [4], [0]]))
        assert np.isfinite(features(model, *inputs)).all()


@every_case
def test_the_seed_of_the_random_module_determines_the_initial_weights(case):
    state = random.getstate()
    try:
        drawn = []
        for _ in range(2):
            random.seed(1)
            drawn.append(build(*case).get_weights())
    finally:
        random.setstate(state)
    for one, same in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one, same)
    other = built(case).get_weights()
    assert any((one != two).any() for one, two in zip(drawn[0], other, strict=True))


@every_case
def test_features_of_a_row_do_not_depend_on_the_batch(case):
    model, X = built(case), draw(case[0], 5)
    np.testing.assert_allclose(features(model, X[3:4]), features(model, X)[3:4], atol=1e-5)


@every_default
def test_rows_are_independent_during_training_by_default(name):
    """So that a sample weight of 2 is equivalent to repeating the row."""
    parameters = inspect.signature(get_backbone(name).builder).parameters
    model, X = built((name, {p: 0.0 for p in parameters if "dropout" in p})), draw(name, 5)
    alone = features(model, X[3:4], training=True)
    np.testing.assert_allclose(alone, features(model, X, training=True)[3:4], atol=1e-5)


@pytest.mark.parametrize(
    "case", [c for c in CASES if any("dropout" in k for k in c[1])], ids=_identity
)
def test_dropout_acts_only_during_training(case):
    model, X = built(case), draw(case[0], 6)
    np.testing.assert_array_equal(features(model, X), features(model, X))
    assert (features(model, X, training=True) != features(model, X, training=True)).any()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mlp", (1,)),
        ("mlp", (300,)),
        ("realmlp", (1,)),
        ("realmlp", (300,)),
        ("resnet", (1,)),
        ("tabm", (1,)),
        ("ft_transformer", (1,)),
        ("cnn", (8, 8)),
        ("cnn", (1, 1)),
        ("cnn", (5, 9, 3)),
        ("cnn", (70, 65, 1)),
        ("cnn", (None, None, 1)),
        ("cnn", (None, None)),
        ("cnn", (3, 5, 7, 2)),
        ("conv1d", (1, 1)),
        ("conv1d", (None, 2)),
        ("lstm", (1, 1)),
        ("gru", (None, 2)),
        ("transformer", (1, 1)),
        ("transformer", (None, 2)),
    ],
)
def test_inputs_of_any_size_are_accepted(name, shape):
    model = build(name, {}, shape)
    X = draw(name, 2, [11 if side is None else side for side in shape])
    assert np.isfinite(features(model, X)).all()


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [("mlp", (4,), "int32"), ("cnn", (8, 8), "uint8"), ("gru", (5, 2), "bool")],
)
def test_integers_are_equivalent_to_floating_point_numbers(name, shape, dtype):
    inputs = keras.Input(shape, dtype=dtype)
    model = keras.Model(inputs, get_backbone(name).builder(inputs))
    twin = build(name, {}, shape)
    twin.set_weights(model.get_weights())
    X = (np.arange(2 * np.prod(shape)).reshape(2, *shape) % 3 > 0).astype(dtype)
    np.testing.assert_array_equal(features(model, X), features(twin, X.astype("float32")))


def test_the_last_width_is_the_number_of_features():
    table, image, sequence = (keras.Input(SHAPES[k]) for k in ("table", "image", "sequence"))
    for features_, width in [
        (get_backbone("mlp").builder(table, hidden_units=np.array([9, 4])), 4),
        (get_backbone("mlp").builder(table, hidden_units=()), SHAPES["table"][0]),
        (get_backbone("realmlp").builder(table, hidden_units=[9, 4]), 4),
        (get_backbone("resnet").builder(table, units=5), 5),
        (get_backbone("ft_transformer").builder(table, units=6, num_heads=3), 6),
        (get_backbone("cnn").builder(image, filters=[3, 7]), 7),
        (get_backbone("conv1d").builder(sequence, filters=6), 6),
        (get_backbone("lstm").builder(sequence, units=np.int64(6)), 6),
        (get_backbone("gru").builder(sequence, units=6, bidirectional=np.True_), 12),
        (get_backbone("transformer").builder(sequence, units=6, num_heads=3), 6),
    ]:
        assert features_.shape == (None, width)


def test_an_mlp_applies_its_layers_in_order():
    model = build("mlp", {"hidden_units": (4, 3), "activation": "relu"})
    X = draw("mlp", 5)
    W1, b1, W2, b2 = model.get_weights()
    expected = np.maximum(np.maximum(X @ W1 + b1, 0) @ W2 + b2, 0)
    np.testing.assert_allclose(features(model, X), expected, atol=1e-6)


def test_a_resnet_computes_the_equations_of_its_paper():
    """Gorishniy et al. 2021, section 3.2, with layer normalization."""
    model = build("resnet", {"units": 4, "num_layers": 1, "hidden_factor": 3})
    X = draw("resnet", 5)
    W0, b0, gamma, beta, W1, b1, W2, b2, last_gamma, last_beta = model.get_weights()

    def norm(x, gamma, beta):
        centred = x - x.mean(axis=1, keepdims=True)
        return gamma * centred / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5) + beta

    assert W1.shape == (4, 12)
    x = X @ W0 + b0
    x = x + np.maximum(norm(x, gamma, beta) @ W1 + b1, 0) @ W2 + b2
    expected = np.maximum(norm(x, last_gamma, last_beta), 0)
    np.testing.assert_allclose(features(model, X), expected, atol=1e-5)


def test_an_initializer_object_gives_each_layer_other_weights():
    params = {"hidden_units": (6, 6), "kernel_initializer": keras.initializers.HeNormal()}
    first, second = build("mlp", params).get_weights()[::2]
    assert first.shape == second.shape
    assert (first != second).any()


def test_a_kernel_regularizer_penalizes_every_kernel():
    params = {"hidden_units": (4, 3), "kernel_regularizer": keras.regularizers.L2(0.5)}
    model = build("mlp", params)
    expected = [0.5 * (kernel**2).sum() for kernel in model.get_weights()[::2]]
    losses = [float(keras.ops.convert_to_numpy(loss)) for loss in model.losses]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


@pytest.mark.parametrize(("side", "maps"), [(63, 63), (64, 32), (128, 32), (300, 75)])
def test_the_stem_of_a_cnn_downsamples_large_images(side, maps):
    model = build("cnn", {"filters": 2}, (side, side, 1))
    convolutions = [la for la in model.layers if isinstance(la, keras.layers.Conv2D)]
    assert convolutions[0].output.shape[1:3] == (maps, maps)


def test_a_cnn_ignores_the_channels_first_setting():
    keras.config.set_image_data_format("channels_first")
    try:
        model = build("cnn", {"filters": (2, 3)})
        assert features(model, draw("cnn", 2)).shape == (2, 3)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_a_transformer_without_positions_ignores_the_order_of_steps():
    X = draw("transformer", 2)
    for positions, blind in ((None, True), ("sinusoidal", False), ("learned", False)):
        model = build("transformer", {"positions": positions})
        difference = np.abs(features(model, X) - features(model, X[:, ::-1])).max()
        assert bool(difference < 1e-5) is blind


# --- masks --------------------------------------------------------------------------------------

LENGTHS = np.array([[7], [4], [1]])

_varying = functools.cache(lambda name, params: build(name, dict(params), (None, 3), masked=True))


def varying(case):
    """Build each case once, with a mask and a variable number of steps."""
    name, params = case
    return _varying(name, tuple(params.items()))


@sequence_case
def test_padding_has_no_effect_whatever_its_values(case):
    name, params = case
    fixed = params.get("positions") == "learned"
    model = built(case, masked=True) if fixed else varying(case)
    X = draw(name, 3)
    mask = np.arange(7) < LENGTHS
    expected = features(model, X, mask)
    X[~mask] = np.nan
    np.testing.assert_allclose(features(model, X, mask), expected, atol=1e-5)
    if not fixed:
        longer = np.concatenate([X, np.full((3, 5, 3), 1e6, X.dtype)], axis=1)
        out = features(model, longer, np.pad(mask, ((0, 0), (0, 5))))
        np.testing.assert_allclose(out, expected, atol=1e-5)


@sequence_case
def test_a_padded_sequence_has_the_features_of_the_unpadded_one(case):
    name, params = case
    if params.get("positions") == "learned":
        params = {**params, "positions": None}  # learned positions need a fixed length
    masked = varying((name, params))
    plain = build(name, params, (None, 3))
    plain.set_weights(masked.get_weights())
    X = draw(name, 3)
    padded = features(masked, X, np.arange(7) < LENGTHS)
    for row, (length,) in enumerate(LENGTHS):  # the first has no padding
        cut = features(plain, X[row : row + 1, :length])
        np.testing.assert_allclose(padded[row], cut[0], atol=1e-5)


@sequence_case
def test_a_sequence_of_padding_has_zero_features_and_affects_no_other(case):
    model, X = built(case, masked=True), draw(case[0], 3)
    mask = np.arange(7) < np.array([[7], [0], [3]])
    out = features(model, X, mask)
    np.testing.assert_array_equal(out[1], 0.0)
    np.testing.assert_allclose(out[[0, 2]], features(model, X[[0, 2]], mask[[0, 2]]), atol=1e-5)


@pytest.mark.parametrize("name", BUILT_IN["sequence"])
def test_padding_has_no_effect_on_training(name):
    """Padding does not affect the gradient, and an empty sequence does not make it NaN."""
    body = build(name, {}, (None, 3), masked=True)
    start = body.get_weights()
    X = draw(name, 4)
    mask = np.arange(7) < np.array([[7], [4], [1], [0]])
    longer = np.concatenate([X, np.full((4, 5, 3), 9.0, X.dtype)], axis=1)
    model = keras.Model(body.input, keras.layers.Dense(2)(body.output))
    head = model.get_weights()[-2:]
    trained = []
    for inputs in ([X, mask], [longer, np.pad(mask, ((0, 0), (0, 5)))]):
        model.set_weights([*start, *head])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=True)
        model.train_on_batch(inputs, np.array([0, 1, 0, 1]))
        trained.append(model.get_weights())
    for one, other in zip(*trained, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, atol=1e-5)


# --- invalid parameters and inputs --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "params", "error", "message"),
    [
        ("mlp", {"hidden_units": (8, 0)}, ValueError, r"hidden_units\[1\] must be a positive"),
        ("mlp", {"hidden_units": 2.5}, TypeError, "hidden_units must be .* got 2.5"),
        ("mlp", {"hidden_units": "64"}, TypeError, "hidden_units must be .* got '64'"),
        ("mlp", {"hidden_units": True}, TypeError, "hidden_units must be .* got True"),
        ("mlp", {"activation": "rellu"}, ValueError, "activation must be .* mean 'relu'"),
        ("mlp", {"activation": 3}, TypeError, "activation must be .* got 3"),
        ("mlp", {"dropout": 1.0}, ValueError, "dropout must be .* got 1.0"),
        ("mlp", {"dropout": float("nan")}, ValueError, "dropout must be .* got nan"),
        ("mlp", {"dropout": "0.5"}, TypeError, "dropout must be .* got '0.5'"),
        ("mlp", {"normalization": "bach"}, ValueError, "normalization .* mean 'batch'"),
        ("mlp", {"kernel_initializer": "he"}, ValueError, "kernel_initializer must be"),
        ("mlp", {"kernel_regularizer": "l3"}, ValueError, "kernel_regularizer must be"),
        ("realmlp", {"hidden_units": ()}, ValueError, "hidden_units must be .* an empty sequence"),
        ("realmlp", {"numeric_embedding": "periodik"}, ValueError, "mean 'periodic'"),
        ("realmlp", {"dropout": 1}, ValueError, "dropout must be .* got 1"),
        ("mlp", {"numeric_embedding": "bins"}, ValueError, "numeric_embedding must be one of"),
        ("mlp", {"embedding_units": 0}, ValueError, "embedding_units must be a positive"),
        ("resnet", {"units": 0}, ValueError, "units must be a positive integer; got 0"),
        ("resnet", {"num_layers": -1}, ValueError, "num_layers must be"),
        ("resnet", {"hidden_factor": 1.5}, TypeError, "hidden_factor must be"),
        ("resnet", {"residual_dropout": -0.1}, ValueError, "residual_dropout must be"),
        ("resnet", {"normalization": "group"}, ValueError, "normalization must be"),
        ("tabm", {"n_members": 0}, ValueError, "n_members must be a positive integer; got 0"),
        ("tabm", {"variant": "minni"}, ValueError, "variant must be .* mean 'mini'"),
        ("tabm", {"numeric_embedding": "linear"}, ValueError, "numeric_embedding must be one of"),
        ("tabm", {"n_bins": 2.5}, TypeError, "n_bins must be a positive integer; got 2.5"),
        ("ft_transformer", {"num_heads": 5}, ValueError, "num_heads must be a divisor of units"),
        ("ft_transformer", {"attention_dropout": 1}, ValueError, "attention_dropout must be"),
        ("cnn", {"filters": ()}, ValueError, "filters must be .* an empty sequence"),
        ("cnn", {"kernel_size": 0}, ValueError, "kernel_size must be"),
        ("cnn", {"stem_strides": "big"}, ValueError, "stem_strides must be"),
        ("cnn", {"stem_strides": 0}, ValueError, "stem_strides must be"),
        ("cnn", {"normalization": ["group"]}, ValueError, "normalization must be"),
        ("conv1d", {"normalization": "batch"}, ValueError, "normalization must be"),
        ("conv1d", {"pooling": "last"}, ValueError, "pooling must be one of 'average', 'max'"),
        ("lstm", {"bidirectional": "yes"}, TypeError, "bidirectional must be True or False"),
        ("gru", {"recurrent_dropout": 2}, ValueError, "recurrent_dropout must be"),
        ("gru", {"pooling": "mean"}, ValueError, "pooling must be"),
        ("transformer", {"num_heads": 5}, ValueError, "num_heads must be a divisor of units=64"),
        ("transformer", {"positions": "learnt"}, ValueError, "positions .* mean 'learned'"),
        ("transformer", {"mask": 1}, TypeError, "mask must be"),
    ],
)
def test_an_invalid_parameter_is_named_with_the_allowed_values(name, params, error, message):
    with pytest.raises(error, match=message):
        build(name, params)


@every_default
@pytest.mark.parametrize("shape", [(), (2, 2, 2, 2, 2)])
def test_inputs_of_the_wrong_rank_are_rejected(name, shape):
    kind = get_backbone(name).kind
    with pytest.raises(ValueError, match=f"inputs must be of rank .* for a {kind} backbone; got"):
        build(name, {}, shape)


def test_inputs_that_no_backbone_accepts_are_rejected():
    mlp = get_backbone("mlp").builder
    with pytest.raises(TypeError, match=r"inputs must be a Keras tensor.* ndarray of shape \(2, 3"):
        mlp(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="inputs must be of a known size along the last axis"):
        mlp(keras.Input((None,)))
    with pytest.raises(ValueError, match="inputs must be numbers"):
        mlp(keras.Input((3,), dtype="string"))


def test_learned_positions_require_a_fixed_number_of_steps():
    with pytest.raises(ValueError, match="positions must be .* got 'learned'"):
        build("transformer", {"positions": "learned"}, (None, 3))


@pytest.mark.parametrize(
    ("shape", "dtype"), [((7,), "float32"), ((7, 1), "bool"), ((6,), "bool"), ((), "bool")]
)
def test_a_mask_of_wrong_shape_or_type_is_rejected(shape, dtype):
    with pytest.raises(ValueError, match=r"mask must be .* have shape \(None, 7, 3\)"):
        get_backbone("gru").builder(keras.Input((7, 3)), mask=keras.Input(shape, dtype=dtype))


# --- docstrings of the builders -----------------------------------------------------------------


@every_default
def test_the_docstring_of_a_builder_lists_its_parameters_and_defaults(name):
    builder = get_backbone(name).builder
    documented = {}
    for parameter in FunctionDoc(builder)["Parameters"]:
        documented[parameter.name] = parameter.type.partition("default=")[2].replace('"', "'")
    real = {
        p.name: "" if p.default is inspect.Parameter.empty else repr(p.default)
        for p in inspect.signature(builder).parameters.values()
    }
    assert documented == real


@every_default
def test_the_example_of_a_builder_gives_the_shown_output(name):
    report: list[str] = []
    (test,) = doctest.DocTestFinder().find(get_backbone(name).builder, name, globs={})
    assert test.examples
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)


# --- the registry -------------------------------------------------------------------------------


def builder(inputs, *, units=2):
    return keras.layers.Dense(units)(inputs)


def other_builder(inputs):
    return inputs


def test_an_unknown_name_is_rejected_with_suggestions():
    with pytest.raises(BackboneError, match=r"one of .*'mlp'.*; got 'restnet'.*mean 'resnet'"):
        get_backbone("restnet")
    with pytest.raises(BackboneError, match="backbone must be the name of a backbone; got 3"):
        get_backbone(3)


def test_names_are_sorted_and_can_be_filtered_by_kind():
    assert list(list_backbones()) == sorted(list_backbones())
    assert set(list_backbones()) == {n for kind in BUILT_IN for n in list_backbones(kind)}
    with pytest.raises(ValueError, match="kind must be one of 'table', 'image', "):
        list_backbones("tables")


def test_an_existing_name_is_an_error_unless_overwritten():
    with pytest.raises(BackboneError, match="got 'mlp', which is taken"):
        register_backbone("mlp", builder, kind="table")
    original = get_backbone("mlp")
    try:
        assert register_backbone("mlp", builder, kind="image", overwrite=True) is builder
        assert get_backbone("mlp") == Backbone("mlp", builder, "image")
    finally:
        register_backbone("mlp", original.builder, kind="table", stacked=True, overwrite=True)
    assert get_backbone("mlp") == original


def test_register_backbone_can_be_a_decorator():
    original = get_backbone("resnet")
    try:
        decorate = register_backbone("resnet", kind="table", overwrite=True)
        assert decorate(other_builder) is other_builder
        assert get_backbone("resnet").builder is other_builder
    finally:
        register_backbone("resnet", original.builder, kind="table", stacked=True, overwrite=True)


@pytest.mark.parametrize("name", ["", "1st", "two words", "a-b", "_hidden", "x\n", "auto"])
def test_a_name_that_is_not_an_identifier_is_rejected(name):
    with pytest.raises(ValueError, match="name of a backbone must be"):
        register_backbone(name, builder, kind="table")
    with pytest.raises(ValueError, match="name of a backbone must be"):
        register_backbone(name, kind="table")


def test_a_backbone_of_invalid_parts_is_rejected():
    with pytest.raises(TypeError, match="name of a backbone must be a string"):
        register_backbone(builder, kind="table")
    with pytest.raises(TypeError, match="builder of backbone 'mine' must be callable; got 3"):
        register_backbone("mine", 3, kind="table")
    for kind in ("texts", None, ["table"]):
        with pytest.raises(ValueError, match="kind must be one of"):
            register_backbone("mine", builder, kind=kind)
    assert "mine" not in list_backbones()


def test_a_backbone_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        get_backbone("mlp").name = "other"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution of one module that `importlib.metadata` can discover."""
    modules = set(sys.modules)

    def install(module, source, entry_points):
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        (info / "entry_points.txt").write_text(
            "\n".join(["[keras_multiclass.backbones]", *lines, ""])
        )
        monkeypatch.syspath_prepend(tmp_path)

    yield install
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) == str(tmp_path / f"{name}.py"):
            del sys.modules[name]


THIRD_PARTY = """
    from keras_multiclass import Backbone

    def with_kind(inputs):
        return inputs
    with_kind.kind = "sequence"

    def without_kind(inputs):
        return inputs

    record = Backbone("another_name", without_kind, "image")
"""


def test_installed_packages_provide_backbones_through_entry_points(install):
    install(
        "third_party_good",
        THIRD_PARTY,
        {f"good_{n}": f"third_party_good:{n}" for n in ("with_kind", "record")},
    )
    registry = Registry()
    assert "third_party_good" not in sys.modules
    assert registry.names("sequence") == ("good_with_kind",)
    import third_party_good

    result = registry.get("good_record")
    assert result == Backbone("good_record", third_party_good.without_kind, "image")
    assert registry.names() == ("good_record", "good_with_kind")


def test_an_unknown_name_loads_the_entry_points(install):
    install("third_party_lazy", THIRD_PARTY, {"lazy": "third_party_lazy:with_kind"})
    registry = Registry()
    registry.add(Backbone("mine", builder, "table"))
    registry.get("mine")
    assert "third_party_lazy" not in sys.modules
    assert registry.get("lazy").kind == "sequence"


def test_a_broken_package_is_named_in_a_warning_and_affects_no_other(install):
    install("third_party_broken", "import no_such_module_at_all", {"a": "third_party_broken:x"})
    install(
        "third_party_mixed",
        THIRD_PARTY,
        {
            "b": "third_party_mixed:without_kind",
            "c": "third_party_mixed:not_there",
            "taken": "third_party_mixed:with_kind",
            "good": "third_party_mixed:record",
            "2nd": "third_party_mixed:record",
        },
    )
    registry = Registry()
    registry.add(Backbone("taken", builder, "table"))
    with pytest.warns(UserWarning, match="left out") as record:
        assert registry.names() == ("good", "taken")
    said = sorted(str(w.message) for w in record)
    for text, (name, package, reason) in zip(
        said,
        [
            ("2nd", "third_party_mixed", "name of a backbone must be letters"),
            ("a", "third_party_broken", "ModuleNotFoundError: No module named 'no_such"),
            ("b", "third_party_mixed", "a builder with an attribute kind; got the function"),
            ("c", "third_party_mixed", "AttributeError"),
            ("taken", "third_party_mixed", "another backbone is already called 'taken'"),
        ],
        strict=True,
    ):
        assert text.startswith(f"The backbone '{name}' (third_party_")
        assert f"of the package '{package}' was left out: " in text
        assert reason in text
    assert registry.get("taken").builder is builder
    # The warning is issued once; afterwards an unknown name is only an error.
    with pytest.raises(BackboneError, match="one of 'good', 'taken'; got 'b'"):
        registry.get("b")


def test_warnings_as_errors_do_not_interrupt_the_loading(install):
    install(
        "third_party_half",
        THIRD_PARTY,
        {"a": "third_party_half:not_there", "z": "third_party_half:with_kind"},
    )
    registry = Registry()
    with pytest.raises(UserWarning, match="left out"):
        registry.names()
    assert registry.names() == ("z",)


def test_a_module_may_register_its_own_builder_while_it_is_loaded(install):
    install("third_party_self", THIRD_PARTY, {"self_made": "third_party_self:with_kind"})
    registry = Registry()
    import third_party_self

    registry.add(Backbone("self_made", third_party_self.with_kind, "sequence"))
    assert registry.names() == ("self_made",)


def test_threads_get_the_same_backbones(install):
    install("third_party_threads", THIRD_PARTY, {"threaded": "third_party_threads:with_kind"})
    registry = Registry()
    with ThreadPoolExecutor(8) as pool:
        result = list(pool.map(lambda _: registry.get("threaded"), range(32)))
    assert len({id(backbone) for backbone in result}) == 1
