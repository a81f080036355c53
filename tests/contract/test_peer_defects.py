"""Defects of other neural estimators for scikit-learn that this classifier does not have.

The classes name the packages in which the defects were seen. Defects that tests of other files
already rule out are not repeated here.
"""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import io
import os
import pickle
import weakref

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
import tensorflow as tf
from scipy import sparse
from scipy.special import softmax
from sklearn.base import clone
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from keras_multiclass import KerasMulticlassClassifier
from keras_multiclass._interop.scikeras import import_scikeras

N = 60
rng = np.random.default_rng(0)
CODES = np.arange(N) % 3
X = (rng.normal(size=(N, 4)) + 3 * np.eye(3, 4)[CODES]).astype("float32")
Y = np.array(["ant", "bee", "cat"])[CODES]
TWO = np.array(["no", "yes"])[(CODES > 0).astype(int)]
ONE_HOT = np.eye(3, dtype=int)[CODES]
FRAME = pd.DataFrame(X, columns=list("abcd"))


def make(**parameters):
    """Return a small classifier that learns the data above in a few full-batch steps."""
    own_network = "model" in parameters or "backbone" in parameters
    small = {} if own_network else {"backbone": "mlp", "backbone__hidden_units": (8,)}
    defaults = {"batch_size": -1, "epochs": 20, "random_state": 0}
    return KerasMulticlassClassifier(
        **{**defaults, "optimizer__learning_rate": 0.05, **small, **parameters}
    )


def untrained(**parameters):
    """Return a classifier whose only epoch changes nothing; its loss is the initial one."""
    return make(epochs=1, optimizer="sgd", optimizer__learning_rate=0.0, **parameters)


def build(hidden=8, activation="softmax", units=3):
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(units, activation=activation),
        ]
    )


def build_compiled(loss, activation="softmax"):
    model = build(activation=activation)
    model.compile(loss=loss, optimizer="adam")
    return model


class Spy(keras.layers.Layer):
    """Passes its input on and records the first column of what it is trained on."""

    seen: list = []  # noqa: RUF012  (shared because the classifier creates the layers)

    def call(self, inputs, training=False):
        if training and hasattr(inputs, "numpy"):
            self.seen.append(np.array(inputs)[:, 0].astype(int).tolist())
        return inputs


def spy(inputs):
    return Spy()(inputs)


ROWS = np.column_stack([np.arange(N), X]).astype("float32")  # the first column is the row number


def batches_seen(action):
    """Run ``action`` and return the row numbers of each batch it trained on."""
    Spy.seen.clear()
    action()
    return copy.deepcopy(Spy.seen)


def rows_of(batches):
    return sorted(row for batch in batches for row in batch)


def make_spied(**parameters):
    return make(
        backbone=spy,
        scaling=None,
        compile__run_eagerly=True,
        epochs=1,
        optimizer__learning_rate=1e-6,
        **parameters,
    )


@pytest.fixture(scope="module")
def fitted():
    return make().fit(FRAME, Y)


@pytest.fixture(scope="module")
def binary():
    return make().fit(X, TWO)


@pytest.fixture(scope="module")
def with_logits():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    builder = functools.partial(build_compiled, loss, activation=None)
    return make(model=builder).initialize(X, Y)


class TestSciKerasDefects:
    def test_unseeded_tensorflow_works_after_a_seeded_fit(self, fitted):
        assert fitted.random_state == 0
        assert "TF_DETERMINISTIC_OPS" not in os.environ
        tf.random.normal((2,))  # raises if op determinism is still on

    def test_seeded_partial_fits_shuffle_differently(self):
        def twice():
            classifier = make_spied(batch_size=16)
            classifier.partial_fit(ROWS, Y).partial_fit(ROWS, Y)

        first = batches_seen(twice)
        assert len(first) == 8
        assert rows_of(first[:4]) == rows_of(first[4:]) == list(range(N))
        assert first[:4] != first[4:]
        assert batches_seen(twice) == first

    @pytest.mark.parametrize("dtype", [int, "float32", "float64"])
    def test_class_weights_do_not_modify_the_callers_sample_weights(self, dtype):
        weights = np.arange(1, N + 1).astype(dtype)
        kept = weights.copy()
        untrained(class_weight={"ant": 2.5}).fit(X, Y, sample_weight=weights)
        np.testing.assert_array_equal(weights, kept)
        assert weights.dtype == kept.dtype

    def test_predict_accepts_other_dtypes_than_fit(self, binary):
        # `fit` saw float32; small integers have the same value in every dtype.
        whole = np.round(X)
        expected = binary.predict_proba(whole)
        for dtype in ("float64", "float16", "int64", "int8", object):
            np.testing.assert_array_equal(binary.predict_proba(whole.astype(dtype)), expected)

    def test_score_accepts_labels_of_a_wider_string_dtype(self, fitted):
        assert fitted.score(FRAME, Y.astype("<U50")) == fitted.score(FRAME, Y)
        unknown = np.array(["a label never seen before"] * N)
        assert fitted.score(FRAME, unknown) == 0.0

    @pytest.mark.parametrize(
        "loss",
        [
            {"loss": keras.losses.CategoricalCrossentropy, "loss__label_smoothing": 0.2},
            {"loss": "categorical_crossentropy", "loss__label_smoothing": 0.2},
            {"loss": "CategoricalCrossentropy", "loss__label_smoothing": 0.2},
            {"loss": keras.losses.CategoricalCrossentropy(label_smoothing=0.2)},
            {"loss__label_smoothing": 0.2},
        ],
        ids=["class", "name", "camel", "instance", "auto"],
    )
    def test_loss_arguments_apply_however_the_loss_is_given(self, loss):
        classifier = make(model=build, **loss).initialize(X, Y)
        raw = classifier.model_(X)
        expected = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)(ONE_HOT, raw)
        assert float(classifier.loss_(CODES, raw)) == pytest.approx(float(expected), rel=1e-5)

    def test_labels_are_encoded_for_the_loss_the_builder_compiled(self):
        builder = functools.partial(build_compiled, "categorical_crossentropy")
        assert make(model=builder).fit(X, Y).score(X, Y) > 0.9

    def test_a_model_that_returns_logits_predicts_probabilities(self, with_logits):
        expected = softmax(np.asarray(with_logits.model_(X), dtype="float64"), axis=1)
        np.testing.assert_allclose(with_logits.predict_proba(X), expected, rtol=1e-5)

    def test_an_optimizer_instance_is_copied_for_each_fit(self):
        optimizer = keras.optimizers.Adam(0.05)
        classifier = make(optimizer=optimizer, epochs=2).fit(X, Y)
        first = classifier.predict_proba(X)
        classifier.fit(X[:, :2], Y)  # moments of another shape would not fit
        np.testing.assert_array_equal(classifier.fit(X, Y).predict_proba(X), first)
        assert not optimizer.built

    def test_an_unbuilt_model_is_built(self):
        class Subclassed(keras.Model):
            def __init__(self):
                super().__init__()
                self.last = keras.layers.Dense(3, activation="softmax")

            def call(self, inputs):
                return self.last(inputs)

        def sequential():
            return keras.Sequential([keras.layers.Dense(3, activation="softmax")])

        for model in (Subclassed, sequential):
            assert make(model=model).initialize(X, Y).predict_proba(X).shape == (N, 3)

    def test_a_builder_may_be_any_callable(self):
        class Factory:
            def __call__(self):
                return build()

            def method(self):
                return build()

        for model in (Factory(), Factory().method, functools.partial(build, 5)):
            assert make(model=model).initialize(X, Y).predict(X).shape == (N,)

    @pytest.mark.parametrize("loss", ["categorical_crossentropy", "auto"])
    def test_validation_labels_are_encoded(self, loss):
        classifier = untrained(loss=loss).fit(X, Y, X_val=X[:30], y_val=Y[:30])
        expected = log_loss(Y[:30], classifier.predict_proba(X[:30]))
        assert classifier.history_["val_loss"] == [pytest.approx(expected, rel=1e-4)]

    def test_validation_rows_are_drawn_at_random_and_stratified(self):
        order = np.argsort(CODES, kind="stable")
        rows, labels = ROWS[order], Y[order]
        classifier = make_spied(validation_split=0.5)
        [seen] = batches_seen(lambda: classifier.fit(rows, labels))
        assert np.bincount(CODES[seen]).tolist() == [10, 10, 10]
        assert sorted(seen) != sorted(rows[:30, 0].astype(int))

    def test_arguments_are_routed_to_a_schedule_class(self):
        classifier = make(
            optimizer__learning_rate=keras.optimizers.schedules.CosineDecay,
            optimizer__learning_rate__initial_learning_rate=0.25,
            optimizer__learning_rate__decay_steps=10,
        ).initialize(X, Y)
        assert float(classifier.model_.optimizer.learning_rate) == pytest.approx(0.25)

    def test_parameters_set_after_a_fit_apply_to_the_next_partial_fit(self):
        class Counter(keras.callbacks.Callback):
            epochs = 0

            def on_epoch_end(self, epoch, logs=None):
                Counter.epochs += 1

        classifier = make(epochs=1).fit(X, Y)
        classifier.set_params(optimizer__learning_rate=0.125, callbacks=[Counter]).partial_fit(X, Y)
        assert float(classifier.model_.optimizer.learning_rate) == 0.125
        assert Counter.epochs == 1

    def test_any_argument_of_a_builder_can_be_set(self):
        classifier = clone(make(model=build)).set_params(model__hidden=5).initialize(X, Y)
        assert classifier.model_.layers[0].units == 5

    def test_keras_objects_can_still_be_copied_and_pickled(self, fitted):
        # test_scikeras.py shows that importing SciKeras leaves Keras unchanged.
        import_scikeras()
        plain = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: 2 * x)])
        assert copy.deepcopy(plain)(np.ones((1, 2))).shape == (1, 2)
        optimizer = pickle.loads(pickle.dumps(fitted)).model_.optimizer
        for restored, original in zip(
            optimizer.variables, fitted.model_.optimizer.variables, strict=True
        ):
            np.testing.assert_array_equal(restored, original)

    def test_several_inputs_are_read_as_a_dict_and_a_clear_error_as_a_list(self):
        assert make().fit({"a": X, "b": X[:, :2]}, Y).score({"a": X, "b": X[:, :2]}, Y) > 0.9
        with pytest.raises((ValueError, TypeError), match=r"X must be (one|rows)"):
            make().fit([X, X[:, :2]], Y)

    def test_labels_next_to_a_data_set_raise_a_clear_error(self):
        with pytest.raises(ValueError, match="`y` must be None when X is a stream"):
            make().fit(tf.data.Dataset.from_tensor_slices((X, CODES)), Y)

    def test_missing_numbers_and_text_columns_are_accepted(self):
        holes = X.copy()
        holes[3, 1] = np.nan
        assert make().fit(holes, Y).score(holes, Y) > 0.9
        colored = FRAME.assign(color="red")
        assert make().fit(colored, Y).score(colored, Y) > 0.9

    @pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array])
    def test_sparse_features_are_tagged_and_predict_as_dense_ones(self, binary, form):
        assert get_tags(binary).input_tags.sparse
        np.testing.assert_allclose(binary.predict_proba(form(X)), binary.predict_proba(X))

    def test_random_state_may_be_a_generator(self):
        def initial(seed):
            classifier = make(random_state=np.random.default_rng(seed)).initialize(X, Y)
            return classifier.predict_proba(X)

        np.testing.assert_array_equal(initial(3), initial(3))
        assert not np.array_equal(initial(3), initial(4))

    def test_callbacks_do_not_run_in_prediction(self):
        class Nosy(keras.callbacks.Callback):
            calls = 0

            def on_predict_begin(self, logs=None):
                Nosy.calls += 1

            on_predict_batch_end = on_test_begin = on_predict_begin

        classifier = make(callbacks=[Nosy], epochs=1).fit(X, Y)
        classifier.predict(X)
        classifier.score(X, Y)
        assert Nosy.calls == 0

    def test_every_fit_starts_from_the_given_model_and_leaves_it_untrained(self):
        model = build_compiled("sparse_categorical_crossentropy")
        kept = [w.copy() for w in model.get_weights()]
        classifier = make(model=model, epochs=3).fit(X, Y)
        first = classifier.predict_proba(X)
        for weight, before in zip(model.get_weights(), kept, strict=True):
            np.testing.assert_array_equal(weight, before)
        np.testing.assert_array_equal(clone(classifier).fit(X, Y).predict_proba(X), first)
        assert classifier.model_ is not model

    def test_a_discarded_network_is_freed(self):
        # test_traces.py measures the memory left after many fits.
        classifier = make(epochs=1).fit(X, Y)
        network = weakref.ref(classifier.model_)
        del classifier
        gc.collect()
        assert network() is None


class TestKerasWrapperDefects:
    def test_clone_copies_every_parameter(self):
        classifier = make(
            epochs=7,
            fit__validation_freq=2,
            predict__batch_size=5,
            callbacks=["early_stopping"],
            callbacks__monitor="loss",
            class_weight={"ant": 2},
        )
        assert clone(classifier).get_params() == classifier.get_params()

    def test_clone_copies_the_parameters_of_a_subclass(self):
        class Deep(KerasMulticlassClassifier):
            def __init__(self, depth=2, *, epochs=5, **parameters):
                super().__init__(epochs=epochs, **parameters)
                self.depth = depth

        original = Deep(depth=3, epochs=7, batch_size=9, optimizer__learning_rate=0.5)
        copied = clone(original)
        assert (copied.depth, copied.epochs, copied.batch_size) == (3, 7, 9)
        assert copied.get_params()["optimizer__learning_rate"] == 0.5

    def test_fit_does_not_modify_parameters_or_data(self):
        parameters = {
            "class_weight": {"ant": 2.0},
            "early_stopping": {"patience": 3},
            "callbacks": {"log": keras.callbacks.History()},
            "metrics": {"top": "accuracy"},
            "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.5}},
        }
        kept = copy.deepcopy({k: v for k, v in parameters.items() if k != "callbacks"})
        classifier = make(**parameters, epochs=1)
        features, labels, weights = X.copy(), Y.copy(), np.ones(N)
        before = dict(classifier.get_params())
        classifier.fit(features, labels, sample_weight=weights)
        assert {k: v for k, v in parameters.items() if k != "callbacks"} == kept
        # As in Keras, a callback collects what it sees, and nothing else of it changes.
        assert parameters["callbacks"]["log"].history == classifier.history_
        after = classifier.get_params()
        assert all(after[name] is value for name, value in before.items())
        np.testing.assert_array_equal(features, X)
        np.testing.assert_array_equal(labels, Y)
        np.testing.assert_array_equal(weights, 1)
        classifier.fit(X[:30], Y[:30])  # no weights are left over from the longer fit

    @pytest.mark.parametrize("scorer", ["neg_log_loss", "roc_auc_ovr", "roc_auc_ovo"])
    def test_probability_scorers_work(self, fitted, scorer):
        assert np.isfinite(get_scorer(scorer)(fitted, FRAME, Y))

    def test_the_binary_decision_function_is_a_vector(self, binary):
        assert binary.decision_function(X).shape == (N,)
        assert get_scorer("roc_auc")(binary, X, TWO) > 0.9

    @pytest.mark.parametrize(
        ("loss", "units", "activation", "y"),
        [
            ("sparse_categorical_crossentropy", 3, "softmax", Y),
            ("binary_crossentropy", 1, "sigmoid", TWO),
            ("sparse_categorical_crossentropy", 2, "softmax", TWO),
        ],
        ids=["sparse", "one-unit", "two-units"],
    )
    def test_a_loss_works_with_the_matching_output_layer(self, loss, units, activation, y):
        builder = functools.partial(build, units=units, activation=activation)
        classifier = untrained(model=builder, loss=loss).fit(X, y)
        expected = log_loss(y, classifier.predict_proba(X))
        assert classifier.history_["loss"] == [pytest.approx(expected, rel=1e-4)]

    @pytest.mark.parametrize("shape", [(6, 3), (20, 8), (8, 8, 3)], ids=str)
    def test_images_and_sequences_are_accepted(self, shape):
        features = rng.normal(size=(12, *shape)).astype("float32")
        assert get_tags(KerasMulticlassClassifier()).input_tags.three_d_array
        classifier = KerasMulticlassClassifier().initialize(features, Y[:12])
        assert classifier.predict_proba(features).shape == (12, 3)

    @pytest.mark.parametrize("weights", [{"ant": 100.0, "bee": 0.5}, "balanced"])
    def test_class_weights_are_looked_up_by_label(self, weights):
        labels = np.array(["ant"] * 5 + ["bee"] * 15 + ["cat"] * 40)
        classifier = untrained(class_weight=weights).fit(X, labels)
        factors = {"ant": 4.0, "bee": 60 / 45, "cat": 0.5}  # n_samples / (n_classes * count)
        if weights != "balanced":
            factors = {"cat": 1.0, **weights}
        row_weights = [factors[label] for label in labels]
        expected = log_loss(labels, classifier.predict_proba(X), sample_weight=row_weights)
        assert classifier.history_["loss"] == [pytest.approx(expected, rel=1e-4)]

    def test_requested_weights_are_routed_through_search_and_pipeline(self):
        weights = np.where(CODES == 0, 9.0, 1.0)
        with sklearn.config_context(enable_metadata_routing=True):
            classifier = untrained().set_fit_request(sample_weight=True)
            scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
            scaler = StandardScaler().set_fit_request(sample_weight=False)
            pipeline = make_pipeline(scaler, classifier)
            grid = {"kerasmulticlassclassifier__verbose": [0]}
            folds = [(np.arange(N), np.arange(N))]
            search = GridSearchCV(pipeline, grid, cv=folds, scoring=scorer)
            search.fit(X, Y, sample_weight=weights)
        fitted = search.best_estimator_[-1]
        probabilities = search.best_estimator_.predict_proba(X)
        expected = log_loss(Y, probabilities, sample_weight=weights)
        assert fitted.history_["loss"] == [pytest.approx(expected, rel=1e-4)]

    def test_nested_parameters_can_be_set_through_a_pipeline(self):
        pipeline = make_pipeline(StandardScaler(), make())
        pipeline.set_params(kerasmulticlassclassifier__backbone__hidden_units=(5,))
        inner = clone(pipeline)[-1].initialize(X, Y).model_
        assert 5 in [layer.units for layer in inner.layers if isinstance(layer, keras.layers.Dense)]

    def test_the_weights_of_a_given_model_are_used(self):
        model = build()
        expected = model(X)
        classifier = make(model=model).initialize(X, Y)
        np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-6)

    def test_an_instance_of_a_subclassed_model_is_copied(self):
        class Subclassed(keras.Model):
            def __init__(self, units, **kwargs):
                super().__init__(**kwargs)
                self.units = units
                self.last = keras.layers.Dense(units, activation="softmax")

            def build(self, shape):
                self.last.build(shape)

            def call(self, inputs):
                return self.last(inputs)

            def get_config(self):
                return {**super().get_config(), "units": self.units}

        model = Subclassed(3)
        expected = model(X)
        classifier = make(model=model).initialize(X, Y)
        np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-6)

    def test_the_history_is_a_dictionary_of_lists(self, fitted):
        assert type(fitted.history_) is dict
        assert all(type(values) is list for values in fitted.history_.values())
        assert fitted.current_epoch == fitted.n_iter_ == len(fitted.history_["loss"]) == 20

    def test_prediction_is_silent(self, fitted, capfd):
        fitted.predict(FRAME)
        fitted.score(FRAME, Y)
        assert capfd.readouterr() == ("", "")

    def test_a_builder_need_not_accept_the_data(self):
        assert "X" not in inspect.signature(build).parameters
        assert make(model=build).initialize(X, Y).predict(X).shape == (N,)


class TestSkorchDefects:
    @pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint8", "bool"])
    @pytest.mark.parametrize("label_dtype", ["int32", "uint8", "float64"])
    def test_features_and_labels_may_have_any_dtype(self, dtype, label_dtype):
        features = np.abs(np.round(X)).astype(dtype)
        classifier = make().initialize(features, CODES.astype(label_dtype))
        assert classifier.predict(features).dtype == label_dtype

    def test_missing_numbers_are_imputed(self, binary):
        holes = np.where(np.arange(4) == 1, np.nan, X)
        assert np.isfinite(binary.predict_proba(holes)).all()
        assert np.isfinite(make().fit(holes, Y).predict_proba(X)).all()

    def test_partial_fit_accepts_classes_that_appear_later(self):
        classifier = make().partial_fit(X[:2], Y[:2], classes=["ant", "bee", "cat"])
        classifier.partial_fit(X[2:3], Y[2:3])
        assert classifier.classes_.tolist() == ["ant", "bee", "cat"]
        assert classifier.predict_proba(X).shape == (N, 3)
        with pytest.raises(ValueError, match="dog"):
            classifier.partial_fit(X[:1], ["dog"])

    def test_a_data_frame_is_accepted(self, fitted):
        assert fitted.score(FRAME, pd.Series(Y)) > 0.9
        assert fitted.n_features_in_ == 4

    def test_training_shuffles_all_rows_and_prints_nothing(self, capfd):
        classifier = make_spied(batch_size=16)
        seen = batches_seen(lambda: classifier.fit(ROWS, Y))
        assert rows_of(seen) == list(range(N))
        assert seen[0] != list(range(16))
        assert capfd.readouterr() == ("", "")
        assert "val_loss" not in classifier.history_

    @pytest.mark.parametrize("labels", [[0, 1], [-1, 1], [False, True], ["a", "b"], [2.0, 7.0]])
    def test_two_classes_may_have_any_labels(self, labels):
        y = np.array(labels)[(CODES > 0).astype(int)]
        classifier = make().initialize(X, y)
        assert classifier.classes_.tolist() == labels
        assert classifier.predict(X).dtype == y.dtype

    def test_fit_and_partial_fit_accept_sample_weights(self):
        for method in ("fit", "partial_fit"):
            signature = inspect.signature(getattr(KerasMulticlassClassifier, method))
            assert "sample_weight" in signature.parameters
        weights = np.where(CODES == 0, 0.0, np.linspace(1, 2, N))
        classifier = untrained().partial_fit(
            X, Y, classes=["ant", "bee", "cat"], sample_weight=weights
        )
        expected = log_loss(Y, classifier.predict_proba(X), sample_weight=weights)
        assert classifier.history_["loss"] == [pytest.approx(expected, rel=1e-4)]

    def test_rows_of_weight_zero_are_ignored(self):
        weights = np.where(np.arange(N) < 20, 0.0, 1.0)
        far = X.copy()
        far[:20] *= 1000  # would change the standardization if these rows counted
        with_zeros = make(epochs=3).fit(far, Y, sample_weight=weights)
        without = make(epochs=3).fit(X[20:], Y[20:], sample_weight=weights[20:])
        np.testing.assert_array_equal(with_zeros.predict_proba(X), without.predict_proba(X))


class TestPytabkitDefects:
    def test_an_error_in_predict_leaves_the_classifier_unchanged(self, binary):
        expected = binary.predict_proba(X)
        with pytest.raises(ValueError, match="infinity"):
            binary.predict(np.full((2, 4), np.inf))
        np.testing.assert_array_equal(binary.predict_proba(X), expected)

    @pytest.mark.parametrize("dtype", ["bool", "boolean"])
    def test_boolean_columns_are_features(self, dtype):
        frame = pd.DataFrame({"x": np.zeros(N), "is_two": pd.array(CODES == 2, dtype=dtype)})
        classifier = make().fit(frame, CODES == 2)
        assert classifier.n_features_in_ == 2
        assert classifier.score(frame, CODES == 2) == 1.0

    def test_numbers_in_an_object_array_are_read_as_numbers(self, binary):
        np.testing.assert_array_equal(
            binary.predict_proba(X.astype(object)), binary.predict_proba(X)
        )
        first = make().initialize(X.astype(object), Y).predict_proba(X)
        np.testing.assert_array_equal(first, make().initialize(X, Y).predict_proba(X))

    def test_dates_are_read_in_frames_and_in_streams_of_them(self):
        frame = FRAME.assign(day=pd.date_range("2020-01-01", periods=N))
        assert make().fit(frame, Y).n_features_in_ == frame.shape[1]
        streamed = make(batch_size="auto").fit(lambda: iter([(frame, Y)]))
        assert "day_elapsed" in streamed.network_feature_names_

    @pytest.mark.parametrize("seed", [np.int64(3), np.uint8(3), np.int32(3)])
    def test_random_state_may_be_a_numpy_integer(self, seed):
        expected = make(random_state=3).initialize(X, Y).predict_proba(X)
        actual = make(random_state=seed).initialize(X, Y).predict_proba(X)
        np.testing.assert_array_equal(actual, expected)

    def test_wrong_columns_raise_an_error_and_print_nothing(self, fitted, capfd):
        with pytest.raises(ValueError, match="feature names"):
            fitted.predict(FRAME.rename(columns={"a": "z"}))
        assert capfd.readouterr() == ("", "")

    def test_early_stopping_is_off_by_default(self, fitted):
        assert fitted.resolved_params_["early_stopping"] is False
        assert fitted.resolved_params_["validation_split"] is None
        assert fitted.n_iter_ == fitted.epochs

    def test_a_pickle_is_little_larger_than_the_weights(self, fitted):
        buffer = io.BytesIO()
        pickle.dump(fitted, buffer)
        variables = [*fitted.model_.variables, *fitted.model_.optimizer.variables]
        weights = sum(np.asarray(variable).nbytes for variable in variables)
        assert buffer.tell() < weights + 32 * 1024
