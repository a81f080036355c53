"""What a fit learns about X of each kind: texts, tables, and other arrays."""

from __future__ import annotations

from typing import Any

from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.columns.choice import is_open_choice
from keras_multiclass._data.columns.expansion.expansion import Expansion, learn_columns
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.images.files import ImageFiles
from keras_multiclass._data.images.paths import are_paths, read_paths, warn_of_image_names
from keras_multiclass._data.images.schema import ImageFileSchema
from keras_multiclass._data.ragged import shape_of
from keras_multiclass._data.rows import Features
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._data.texts.encoder import TextParameters, check_no_vectorizer, is_text
from keras_multiclass._data.texts.schema import TextSchema
from keras_multiclass._network.backbone_resolution import NetworkParameters
from keras_multiclass._network.input_backbones import InputNetworks
from keras_multiclass._shared.keras.environment import array_dtype
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._training.fit_parameters import FitParameters
from keras_multiclass._training.reading.run_data import KnownData
from keras_multiclass._training.reading.several_inputs import learn_inputs


def reads_texts(parameters: FitParameters, X: object, known: KnownData | None) -> bool:
    """Whether X holds texts.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    X : object
        The user's X.
    known : KnownData or None
        What an earlier run learned.
    """
    if known is not None:
        return isinstance(known.features, TextSchema)
    if are_paths(X):
        return False
    # Positions of categories make an array of one column of strings a table.
    choices = parameters.categorical_features, parameters.text_features
    if not is_text(X, column=all(map(is_open_choice, choices))):
        return False
    warn_of_image_names(X)
    return True


def _check_no_columns(parameters: FitParameters, what: str) -> None:
    """Raise ``ValueError`` if columns are named although X has none."""
    for name in ("categorical_features", "text_features"):
        value = getattr(parameters, name)
        if not is_open_choice(value):
            raise ValueError(
                invalid(f"`{name}`", f"'from_dtype' or None for {what}", describe(value))
            )


def learn_features(
    parameters: FitParameters, X: Any, backbone: NetworkParameters, given: object
) -> tuple[FeatureSchema, Features]:
    """Learn shape, names and kinds of columns of X, and check it.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    X : object
        The features, as `arrange` returns them; texts as they are.
    backbone : NetworkParameters
        How they are read.
    given : object
        As the user passed them.
    """
    if isinstance(backbone, InputNetworks):
        return learn_inputs(parameters, X, backbone, learn_features)
    if are_paths(X):
        return learn_images(parameters, read_paths(X), backbone)
    if backbone.is_text:
        return TextSchema.learn_text(
            X,
            text_parameters(parameters, backbone),
            dtype=array_dtype(parameters.settings.dtype),
            estimator_name=parameters.estimator_name,
        )
    if isinstance(X, Sequences):
        backbone.check_unequal(given, X)
    return learn_table(parameters, X, backbone, *_learn_columns(parameters, X, backbone))


def learn_images(
    parameters: FitParameters, paths: list[str], backbone: NetworkParameters
) -> tuple[FeatureSchema, Features]:
    """Decode image files, and learn what there is to learn about an array of images.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    paths : list of str
        The files.
    backbone : NetworkParameters
        What reads them.
    """
    _check_no_columns(parameters, "paths of image files")
    files = ImageFiles.learn(paths, parameters.settings.image_size, backbone.image_shape)
    images = files.decode(paths)
    features, X = learn_features(parameters.without_image_size(), images, backbone, images)
    return ImageFileSchema.of_decoded(features, files), X


def _check_no_image_size(image_size: object) -> None:
    if image_size != "auto":
        raise ValueError(
            "`image_size` has no effect unless X holds paths of image files. Remove it, or resize "
            "the images: X = keras.ops.convert_to_numpy(keras.ops.image.resize(X, image_size))."
        )


def text_parameters(parameters: FitParameters, backbone: NetworkParameters) -> TextParameters:
    """Return how texts are encoded.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    backbone : NetworkParameters
        What reads them.
    """
    _check_no_image_size(parameters.settings.image_size)
    _check_no_columns(parameters, "texts, strings in 1-d")
    vectorizer, arguments = parameters.text_vectorizer, parameters.routed_to("text_vectorizer")
    if backbone.text_form == "strings":
        check_no_vectorizer(vectorizer, arguments, "the network reads terms instead of strings")
    return TextParameters(vectorizer, arguments, backbone.text_form)


def learn_table(
    parameters: FitParameters,
    X: Any,
    backbone: NetworkParameters,
    columns: CategoricalColumns | None,
    expansion: Expansion | None,
) -> tuple[FeatureSchema, Features]:
    """Learn shape and names of anything but texts, and check it.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    X : object
        The features, as `arrange` returns them.
    backbone : NetworkParameters
        How they are read.
    columns : CategoricalColumns or None
        The categorical columns.
    expansion : Expansion or None
        The columns to expand.
    """
    _check_no_image_size(parameters.settings.image_size)
    check_no_vectorizer(parameters.text_vectorizer, parameters.routed_to("text_vectorizer"))
    return FeatureSchema.learn(
        X,
        dtype=array_dtype(parameters.settings.dtype),
        token_ids=backbone.reads_token_ids and len(shape_of(X)) == 2,
        columns=columns,
        allow_nan=backbone.fills_gaps(shape_of(X)),
        estimator_name=parameters.estimator_name,
        integer_dtype=backbone.integer_dtype,
        layout=parameters.settings.layout,
        expansion=expansion,
    )


def _learn_columns(
    parameters: FitParameters, X: object, backbone: NetworkParameters
) -> tuple[CategoricalColumns | None, Expansion | None]:
    if may_have_columns(parameters, X, backbone):
        return learn_columns(X, parameters.categorical_features, parameters.text_features)
    return None, None


def may_have_columns(parameters: FitParameters, X: object, backbone: NetworkParameters) -> bool:
    """Whether columns of X may be categories, dates or texts; an error if they are named, but no.

    Parameters
    ----------
    parameters : FitParameters
        The parameters of the estimator.
    X : object
        The features, as `arrange` returns them.
    backbone : NetworkParameters
        How they are read.
    """
    if backbone.reads_tables and not isinstance(X, Sequences):
        return True
    for name in ("categorical_features", "text_features"):
        value = getattr(parameters, name)
        if not is_open_choice(value):
            raise ValueError(
                invalid(
                    f"`{name}`",
                    "'from_dtype' or None unless a table backbone reads X",
                    describe(value),
                )
            )
    return False
