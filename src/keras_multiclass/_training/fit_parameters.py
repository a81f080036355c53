"""The parameters of an estimator as used by one run: checked, typed and read-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from keras_multiclass._shared.keras.objects import extract
from keras_multiclass._training.parameter_checks import Settings, resolve_settings
from keras_multiclass._training.task import Task

_OBJECTS = (
    "backbone",
    "model",
    "loss",
    "optimizer",
    "metrics",
    "callbacks",
    "class_weight",
    "categorical_features",
    "text_vectorizer",
    "text_features",
    "random_state",
)


@dataclass(frozen=True)
class FitParameters:
    """Parameters of a classifier, under their own names.

    Attributes
    ----------
    settings : Settings
        The plain parameters, checked.
    routed : mapping of str to object
        Routed parameters by full name, such as ``optimizer__learning_rate``.
    values : mapping of str to object
        All parameters by full name, routed ones included, for builders that accept them.
    estimator_name : str
        Name of the estimator in messages.
    task : Task
        What the estimator predicts.
    """

    backbone: object
    model: object
    loss: object
    optimizer: object
    metrics: object
    callbacks: object
    class_weight: object
    categorical_features: object
    text_vectorizer: object
    text_features: object
    random_state: object
    settings: Settings
    routed: Mapping[str, object]
    values: Mapping[str, object]
    estimator_name: str
    task: Task

    @classmethod
    def check(
        cls,
        values: Mapping[str, object],
        routed: Mapping[str, object],
        estimator_name: str,
        task: Task,
    ) -> FitParameters:
        """Check the plain parameters; raise one ``ValueError`` for all invalid ones.

        Parameters
        ----------
        values, routed, estimator_name, task
            As the attributes.
        """
        return cls(
            **{name: values[name] for name in _OBJECTS},
            settings=resolve_settings(values, routed),
            routed=routed,
            values=values,
            estimator_name=estimator_name,
            task=task,
        )

    def without_text_vectorizer(self) -> FitParameters:
        """Return the parameters for an input that holds no texts."""
        prefix = "text_vectorizer__"
        routed = {name: v for name, v in self.routed.items() if not name.startswith(prefix)}
        return replace(self, text_vectorizer="auto", routed=routed)

    def without_image_size(self) -> FitParameters:
        """Return the parameters for images in an array."""
        return replace(self, settings=replace(self.settings, image_size="auto"))

    def routed_to(self, target: str) -> dict[str, object]:
        """Return the arguments that are routed to a target such as ``"optimizer"``, by name."""
        return extract(self.routed, target)
