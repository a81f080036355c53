"""Building Keras objects from names, classes, instances and routed arguments."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_multiclass._network.optimizers import optimizer_lookup
from keras_multiclass._shared.keras.lookup import loss_lookup, metric_lookup, snake_name
from keras_multiclass._shared.keras.object_lists import build_objects
from keras_multiclass._shared.keras.objects import build_object, extract
from keras_multiclass._shared.signatures import accepted_parameters
from keras_multiclass._training.callbacks import callback_lookup
from keras_multiclass._training.engine.fingerprint import fingerprint

ExponentialDecay = keras.optimizers.schedules.ExponentialDecay
EarlyStopping = keras.callbacks.EarlyStopping
ReduceLROnPlateau = keras.callbacks.ReduceLROnPlateau


def optimizer(value, **routed):
    return build_object(
        value,
        routed,
        lookup=optimizer_lookup,
        what="optimizer",
        base=keras.optimizers.Optimizer,
    )


def callbacks(values, **routed):
    return build_objects(
        values,
        routed,
        lookup=callback_lookup,
        what="callbacks",
        base=keras.callbacks.Callback,
    )


class Counter(keras.callbacks.Callback):
    """A user's callback that does not store its argument under the same name."""

    def __init__(self, start=0):
        super().__init__()
        self.seen = [start]


def test_extract_removes_one_prefix_and_ignores_other_parameters():
    params = {
        "optimizer": "adam",
        "optimizer__learning_rate": 0.1,
        "optimizer__learning_rate__decay_steps": 5,
        "optimizers__x": 1,
    }
    expected = {"learning_rate": 0.1, "learning_rate__decay_steps": 5}
    assert extract(params, "optimizer") == expected


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("F1Score", "f1_score"),
        ("KLDivergence", "kl_divergence"),
        ("AUC", "auc"),
        ("MeanIoU", "mean_io_u"),
        ("ReduceLROnPlateau", "reduce_lr_on_plateau"),
        ("SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy"),
    ],
)
def test_snake_names_match_those_of_keras(camel, snake):
    assert snake_name(camel) == snake


@pytest.mark.parametrize("name", ["adam", "Adam", "ADAM"])
def test_an_optimizer_is_found_by_any_spelling(name):
    assert optimizer_lookup(name) is keras.optimizers.Adam


def test_short_and_snake_names_find_losses_metrics_and_callbacks():
    assert loss_lookup("kl_divergence") is keras.losses.KLDivergence
    assert loss_lookup("logcosh") is keras.losses.LogCosh
    assert loss_lookup("mse") is keras.losses.MeanSquaredError
    assert metric_lookup("f1_score") is keras.metrics.F1Score
    assert metric_lookup("RMSE") is keras.metrics.RootMeanSquaredError
    assert callback_lookup("reduce_lr_on_plateau") is ReduceLROnPlateau


def test_an_unknown_name_is_an_error_that_suggests_similar_names():
    with pytest.raises(ValueError, match="optimizer must be one of .*'adamm'.*'adam'"):
        optimizer("adamm")


def test_names_classes_and_instances_accept_routed_arguments():
    for value in ("sgd", keras.optimizers.SGD, keras.optimizers.SGD(momentum=0.3)):
        built = optimizer(value, learning_rate=0.5)
        assert float(built.learning_rate) == pytest.approx(0.5)
    assert built.momentum == 0.3


def test_an_instance_is_copied_and_not_modified():
    original = keras.optimizers.SGD(0.25, momentum=0.3)
    built = optimizer(original, momentum=0.5)
    assert built is not original
    assert (original.momentum, built.momentum) == (0.3, 0.5)
    assert float(built.learning_rate) == 0.25


def decayed_by(optimizer):
    """Return a kernel and a bias of ones after one step with gradients of zero."""
    variables = [keras.Variable(np.ones(1), name=name) for name in ("kernel", "bias")]
    optimizer.build(variables)
    optimizer.apply([np.zeros(1, "float32")] * 2)
    return [float(variable[0]) for variable in variables]


def without_biases(optimizer):
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def scaling(optimizer):
    return keras.optimizers.LossScaleOptimizer(optimizer)


def mapped(optimizer):
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("This version of Keras has no MultiOptimizer.")
    optimizers = keras.optimizers.OptimizerMap(optimizer, {"embedding": keras.optimizers.Adam()})
    return keras.optimizers.MultiOptimizer(optimizers)


@pytest.mark.parametrize("wrap", [lambda optimizer: optimizer, scaling, mapped])
def test_a_copied_optimizer_does_not_decay_the_variables_that_the_original_excludes(wrap):
    original = wrap(without_biases(keras.optimizers.SGD(0.1, weight_decay=0.5)))
    assert decayed_by(optimizer(original)) == pytest.approx([0.95, 1.0])


def test_an_exclusion_from_weight_decay_is_kept_with_routed_arguments():
    original = without_biases(keras.optimizers.SGD(0.1, weight_decay=0.5))
    assert decayed_by(optimizer(original, weight_decay=0.2)) == pytest.approx([0.98, 1.0])


def test_an_optimizer_passed_as_an_argument_is_copied_too():
    inner = without_biases(keras.optimizers.SGD(0.1, weight_decay=0.5))
    built = optimizer(keras.optimizers.LossScaleOptimizer, inner_optimizer=inner)
    assert decayed_by(built) == pytest.approx([0.95, 1.0])
    assert not inner.built


def test_variables_excluded_from_weight_decay_one_by_one_are_an_error():
    original = keras.optimizers.SGD(0.1, weight_decay=0.5)
    original.exclude_from_weight_decay(var_list=[keras.Variable(1.0)])
    with pytest.raises(ValueError, match=r"optimizer: variables .* by name.*var_names=\['bias'\]"):
        optimizer(original)


def test_optimizers_that_exclude_different_variables_share_no_trace():
    fingerprints = set()
    for names in (["bias"], ["kernel"], []):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="last")])
        sgd = keras.optimizers.SGD(0.1, weight_decay=0.5)
        sgd.exclude_from_weight_decay(var_names=names)
        model.compile(sgd, keras.losses.MeanSquaredError())
        fingerprints.add(fingerprint(model))
    assert len(fingerprints) == 3


def test_arguments_that_keras_leaves_out_of_a_configuration_are_copied():
    y_true, y_pred = np.array([[0.0, 1.0]]), np.array([[3.0, 1.5]])
    for original, changes in (
        (keras.losses.Huber(delta=0.5), {"name": "mine"}),
        (keras.metrics.CosineSimilarity(axis=0), {}),
    ):
        copied = build_object(original, changes, lookup=None, what="loss", base=type(original))
        assert float(copied(y_true, y_pred)) == pytest.approx(float(original(y_true, y_pred)))


def test_an_optimizer_is_built_from_a_keras_configuration():
    built = optimizer({"class_name": "SGD", "config": {"learning_rate": 0.5}}, momentum=0.1)
    assert (float(built.learning_rate), built.momentum) == (0.5, 0.1)


def test_a_number_is_a_positional_argument():
    assert float(optimizer("sgd", **{"0": 0.5}).learning_rate) == 0.5
    with pytest.raises(ValueError, match="optimizer__99: SGD takes"):
        optimizer("sgd", **{"99": 0.5})


def test_an_argument_given_twice_is_an_error():
    with pytest.raises(ValueError, match="'learning_rate' is given twice"):
        optimizer("sgd", **{"0": 0.5, "learning_rate": 0.1})


@pytest.mark.parametrize("schedule", [ExponentialDecay, "exponential_decay"])
def test_a_schedule_is_built_with_its_own_arguments(schedule):
    built = optimizer(
        "sgd",
        learning_rate=schedule,
        learning_rate__initial_learning_rate=0.5,
        learning_rate__decay_steps=10,
        learning_rate__decay_rate=0.9,
    )
    config = built.get_config()["learning_rate"]["config"]
    assert (config["initial_learning_rate"], config["decay_steps"]) == (0.5, 10)


def test_an_argument_of_an_instance_s_schedule_can_be_changed():
    original = keras.optimizers.SGD(ExponentialDecay(0.5, 10, 0.9))
    built = optimizer(original, learning_rate__decay_steps=20)
    config = built.get_config()["learning_rate"]["config"]
    assert (config["initial_learning_rate"], config["decay_steps"]) == (0.5, 20)
    assert original.get_config()["learning_rate"]["config"]["decay_steps"] == 10


def test_a_number_takes_no_arguments():
    with pytest.raises(ValueError, match="optimizer__learning_rate__decay_steps.*got 0.1"):
        optimizer("sgd", learning_rate=0.1, learning_rate__decay_steps=3)


def test_an_unknown_argument_is_an_error_that_names_the_class_and_similar_arguments():
    message = "optimizer__learning_rat.*'optimizer__learning_rate'"
    with pytest.raises(ValueError, match=message) as caught:
        optimizer("adam", learning_rat=0.1)
    assert "Adam" in str(caught.value)


def test_arguments_of_keras_base_classes_are_accepted():
    assert "clipnorm" in accepted_parameters(keras.optimizers.Adam).names


def test_an_error_of_the_constructor_is_chained_to_one_that_names_the_parameter():
    with pytest.raises(ValueError, match="optimizer: SGD could not be built") as caught:
        optimizer("sgd", momentum=7.0)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("wrong", [3, keras.losses.MeanSquaredError, keras.losses.Huber(), None])
def test_a_value_of_the_wrong_type_is_a_type_error(wrong):
    with pytest.raises(TypeError, match="optimizer must be a name, a keras Optimizer class"):
        optimizer(wrong)


def test_functions_are_accepted_only_where_allowed():
    def loss(y_true, y_pred, alpha=1.0):
        return alpha

    built = build_object(loss, {"alpha": 2.0}, lookup=None, what="loss", functions=True)
    assert built(0, 0) == 2.0
    with pytest.raises(ValueError, match="loss__beta: loss takes no argument 'beta'"):
        build_object(loss, {"beta": 2.0}, lookup=None, what="loss", functions=True)
    with pytest.raises(TypeError):
        build_object(loss, {}, lookup=None, what="callbacks", base=keras.callbacks.Callback)


@pytest.mark.parametrize("values", [None, [], {}])
def test_no_values_build_no_objects(values):
    assert callbacks(values) == []


def test_arguments_reach_their_target_by_position_key_and_name():
    ((_, first), (_, second)) = callbacks(
        ["early_stopping", ReduceLROnPlateau],
        **{"0__patience": 3, "reduce_lr_on_plateau__patience": 5},
    )
    assert (first.patience, second.patience) == (3, 5)
    ((key, stop),) = callbacks({"stop": EarlyStopping}, stop__patience=7)
    assert (key, stop.patience) == ("stop", 7)


def test_an_argument_without_address_reaches_every_class_that_accepts_it_unless_overridden():
    built = callbacks(
        ["early_stopping", ReduceLROnPlateau, keras.callbacks.TerminateOnNaN],
        **{"patience": 3, "1__patience": 5},
    )
    assert [built[0][1].patience, built[1][1].patience] == [3, 5]


def test_entries_of_a_list_in_a_dict_have_numbered_keys():
    built = callbacks(
        {"both": ["early_stopping", "reduce_lr_on_plateau"]},
        **{"both__patience": 4, "both__1__factor": 0.5},
    )
    assert [key for key, _ in built] == ["both__0", "both__1"]
    assert [callback.patience for _, callback in built] == [4, 4]
    assert built[1][1].factor == 0.5


def test_a_callback_instance_is_copied_with_its_settings():
    original = EarlyStopping(monitor="loss", patience=2)
    ((_, built),) = callbacks({"stop": original}, stop__patience=9)
    assert built is not original
    assert (built.monitor, built.patience, original.patience) == ("loss", 9, 2)


def test_the_copy_of_a_used_callback_has_no_model():
    original = EarlyStopping()
    original.set_model(keras.Sequential())
    ((_, built),) = callbacks(original)
    assert built.model is None
    assert original.model is not None


def test_a_copied_callback_does_not_share_state():
    original = Counter()
    ((_, built),) = callbacks(original)
    built.seen.append(1)
    assert original.seen == [0]


def test_an_instance_that_does_not_store_its_arguments_accepts_no_new_ones():
    with pytest.raises(ValueError, match="does not store its arguments 'begin'"):
        callbacks(Forgetful(2), patience=1)


class Forgetful(keras.callbacks.Callback):
    def __init__(self, begin, patience=0):
        super().__init__()


def test_an_argument_that_matches_nothing_is_an_error_that_suggests_similar_names():
    with pytest.raises(ValueError, match="callbacks__stp__patience matches nothing.*stop__pat"):
        callbacks({"stop": EarlyStopping}, stp__patience=1)
    with pytest.raises(ValueError, match="callbacks has no entries"):
        callbacks(None, patience=1)


class Open(keras.callbacks.Callback):
    def __init__(self, *args, **kwargs):
        super().__init__()
        self.args, self.kwargs = args, kwargs


class OpenStop(EarlyStopping):
    def __init__(self, *args, **kwargs):
        self.extra = kwargs.pop("extra", None)
        super().__init__(*args, **kwargs)


def test_a_class_with_kwargs_gets_what_no_other_class_lists():
    ((_, stop), (_, other)) = callbacks([EarlyStopping, Open], patience=3, colour="red")
    assert (stop.patience, other.kwargs) == (3, {"colour": "red"})
    ((_, stop),) = callbacks(OpenStop, **{"0": "loss", "patience": 3, "extra": 4})
    assert (stop.monitor, stop.patience, stop.extra) == ("loss", 3, 4)


def test_positions_behind_args_are_passed_in_order():
    ((_, built),) = callbacks([Open], **{"0__10": "k", "0__9": "j", "0__0": "a"})
    assert built.args == ("a", "j", "k")


def test_a_constructor_with_kwargs_that_refuses_an_argument_is_an_error_with_a_suggestion():
    with pytest.raises(ValueError, match="OpenStop could not be built.*__patience'"):
        callbacks(OpenStop, patienc=1)


@pytest.mark.parametrize("name", ["foo", "0__foo", "0__3"])
def test_an_instance_gets_no_argument_that_its_class_takes_by_args_or_kwargs(name):
    with pytest.raises(ValueError, match="matches nothing|pass the class instead"):
        callbacks([Open(1)], **{name: 1})


@pytest.mark.parametrize("container", [list, tuple, lambda v: dict(zip("ab", v, strict=True))])
def test_classes_in_a_container_that_is_an_argument_are_built(container):
    class Holder(keras.callbacks.Callback):
        def __init__(self, parts):
            super().__init__()
            self.parts = parts

    parts = container([Open, keras.metrics.MeanIoU])
    second = "1" if not isinstance(parts, dict) else "b"
    routed = {"parts": parts, "parts__colour": "red", f"parts__{second}__num_classes": 3}
    ((_, built),) = callbacks(Holder, **routed)
    assert type(built.parts) is type(parts)
    first, metric = built.parts.values() if isinstance(parts, dict) else built.parts
    assert first.kwargs == {"colour": "red"}
    assert metric.num_classes == 3
    ((_, built),) = callbacks(Holder, parts=(plain := container([1, "x"])))
    assert built.parts is plain
    with pytest.raises(ValueError, match="callbacks__parts__v matches nothing"):
        callbacks(Holder, parts=plain, parts__v=1)


def test_all_arguments_that_match_nothing_are_reported_together():
    with pytest.raises(ValueError, match=r"callbacks__stp__patience.*\n.*callbacks__colour"):
        callbacks({"stop": EarlyStopping}, stp__patience=1, colour="red")


def test_all_arguments_that_a_class_does_not_take_are_reported_together():
    with pytest.raises(ValueError, match="optimizer__lr: .*\n.*optimizer__moment") as caught:
        optimizer("sgd", lr=1, momentumm=1)
    assert "Did you mean 'optimizer__momentum'" in str(caught.value)
    assert "SGD takes 'learning_rate'" in str(caught.value)


def test_an_error_in_a_list_names_the_entry():
    with pytest.raises(ValueError, match="callbacks__stop__patienc: EarlyStopping takes no"):
        callbacks({"stop": EarlyStopping}, stop__patienc=1)
