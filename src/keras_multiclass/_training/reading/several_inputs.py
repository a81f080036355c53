"""Several inputs: how each is read, and what the network is told about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from keras_multiclass._data.columns.choice import is_open_choice
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.images.paths import are_paths
from keras_multiclass._data.inputs import Inputs, as_inputs, check_keys, is_dict, to_inputs
from keras_multiclass._data.packed import PackedSchema, about_input, as_columns
from keras_multiclass._data.ragged import arrange, shape_of
from keras_multiclass._data.rows import Features
from keras_multiclass._data.texts.encoder import is_text
from keras_multiclass._data.texts.schema import TextSchema
from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._network.build import check_scaling
from keras_multiclass._network.input_backbones import InputNetworks
from keras_multiclass._shared.keras.environment import array_dtype
from keras_multiclass._shared.messages import describe, format_list, invalid
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.request import FitRequest

LearnFeatures = Callable[
    [FitParameters, Any, NetworkParameters, object], tuple[FeatureSchema, Features]
]


def with_inputs(
    parameters: FitParameters,
    request: FitRequest,
    backbone: NetworkParameters,
    known: FeatureSchema | None,
) -> tuple[FitRequest, NetworkParameters]:
    """Return the request with X as `Inputs`, and how these are read, if X holds several inputs.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    request : FitRequest
        The user's data.
    backbone : NetworkParameters
        How one array would be read.
    known : FeatureSchema or None
        What an earlier fit has learned about X.
    """
    inputs = None
    if known is None or isinstance(known, PackedSchema):
        are_named = known is not None or _names_inputs(parameters, request.X)
        inputs = to_inputs(request.X) if are_named else as_inputs(request.X)
    if isinstance(known, PackedSchema):
        names = list(known.schemas if inputs is None else inputs)
        texts = [name for name, each in known.schemas.items() if isinstance(each, TextSchema)]
    elif inputs is None:
        return request, backbone
    else:
        names = list(inputs)
        texts = [
            name
            for name, part in inputs.items()
            if is_text(as_columns(part, name)) and not are_paths(part)
        ]
    if inputs is not None:
        request = replace(request, X=inputs)
    return request, InputNetworks.of_inputs(backbone, names).with_texts(texts)


def _names_inputs(parameters: FitParameters, X: Any) -> bool:
    """Whether the parameter `backbone`, or one routed to it, names items of a dict as inputs."""
    if not is_dict(X) or parameters.model is not None:
        return False
    routed = (name.partition("__") for name in parameters.routed_to("backbone"))
    return isinstance(parameters.backbone, Mapping) or any(
        argument and name in X for name, _, argument in routed
    )


def learn_inputs(
    parameters: FitParameters, X: Inputs, backbone: InputNetworks, learn_one: LearnFeatures
) -> tuple[FeatureSchema, Features]:
    """Learn shapes and names of several inputs, and put them side by side.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    X : Inputs
        The inputs.
    backbone : InputNetworks
        How they are read.
    learn_one : callable
        Learns about a single X.
    """
    layout = parameters.settings.layout
    own = parameters_of_inputs(parameters, X, backbone)

    def learn(name: str, part: Any) -> tuple[FeatureSchema, Features]:
        arranged = part if backbone.parts[name].is_text else arrange(part, layout)
        return learn_one(own[name], arranged, backbone.parts[name], part)

    return PackedSchema.learn_inputs(
        X,
        learn,
        dtype=array_dtype(parameters.settings.dtype),
        estimator_name=parameters.estimator_name,
    )


def parameters_of_inputs(
    parameters: FitParameters, X: Inputs, backbone: InputNetworks
) -> dict[str, FitParameters]:
    """Return the parameters of the estimator for each input, as if it were X alone.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    X : Inputs
        The inputs.
    backbone : InputNetworks
        How they are read.
    """
    categorical = _columns_of("categorical_features", parameters.categorical_features, X, backbone)
    texts = _columns_of("text_features", parameters.text_features, X, backbone)
    has_texts = any(part.is_text for part in backbone.parts.values())
    has_images = any(map(are_paths, X.values()))
    result = {}
    for name, part in X.items():
        own = replace(parameters, categorical_features=categorical[name], text_features=texts[name])
        if has_images and not are_paths(part):  # the others need no size
            own = own.without_image_size()
        if backbone.parts[name].is_text:
            with about_input(name):
                _check_not_strings(backbone.parts[name])
        elif has_texts:  # which the parameters of the vectorizer are for
            own = own.without_text_vectorizer()
        result[name] = own
    return result


def _check_not_strings(backbone: NetworkParameters) -> None:
    """Raise ``ValueError`` if a network reads texts as strings, which are no numbers."""
    if backbone.text_form == "strings":
        raise ValueError(
            invalid(
                "Texts beside other inputs",
                "for a backbone by name, or a function as backbone, which get their terms",
                "a network of your own",
                "Use a function backbone(inputs), whose texts are embedded token ids.",
            )
        )


def _columns_of(
    parameter: str, value: object, X: Inputs, backbone: InputNetworks
) -> Mapping[str, object]:
    """Return a parameter for each input; one value is for all, columns are of the only table."""
    if isinstance(value, Mapping):
        check_keys(value, list(X), f"`{parameter}`")
        return {name: value.get(name, "from_dtype") for name in X}
    if is_open_choice(value):
        return dict.fromkeys(X, value)
    tables = [
        name
        for name, part in X.items()
        if backbone.parts[name].reads_tables and len(shape_of(part)) == 2
    ]
    if len(tables) == 1:
        return {name: value if name in tables else "from_dtype" for name in X}
    raise ValueError(
        invalid(
            f"`{parameter}`",
            f"'from_dtype', None, or a dict by input if {len(tables)} of the inputs are tables",
            describe(value),
            f"The inputs are {format_list(X)}.",
        )
    )


def check_scalings(scaling: Mapping[str, str | None], features: PackedSchema) -> None:
    """Raise ``ValueError`` if the scaling of an input is only for tables, and it is not one.

    Parameters
    ----------
    scaling : mapping of str to str or None
        The scaling of each input; empty for a whole model.
    features : PackedSchema
        What was learned about the inputs.
    """
    check_keys(scaling, list(features.schemas), "`scaling`")
    for name, own in scaling.items():
        with about_input(name):
            check_scaling(own, _is_table(features.schemas[name]))


def _is_table(schema: FeatureSchema) -> bool:
    return schema.allow_nan and len(schema.input_shape) == 1
