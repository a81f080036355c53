"""What `fit` learns about image files, and the checks of their paths from then on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.images.files import ImageFiles
from keras_multiclass._data.images.paths import are_strings_or_paths, read_paths
from keras_multiclass._data.rows import Features


@dataclass(frozen=True, eq=False)
class ImageFileSchema(FeatureSchema):
    """What `fit` learns about image files: as if they were an array of images.

    Attributes
    ----------
    images : ImageFiles
        What decodes them.
    """

    images: ImageFiles = field(kw_only=True)

    @classmethod
    def of_decoded(cls, schema: FeatureSchema, images: ImageFiles) -> ImageFileSchema:
        """Return what was learned about files whose decoded images are an array.

        Parameters
        ----------
        schema : FeatureSchema
            What was learned about the array.
        images : ImageFiles
            What decoded them.
        """
        learned = {each.name: getattr(schema, each.name) for each in fields(FeatureSchema)}
        return cls(**learned, images=images)

    def learn_values(
        self,
        X: Any,
        checked: Features,
        rows: np.ndarray | None = None,
        *,
        subtract_offsets: bool = True,
        is_part: bool = False,
    ) -> tuple[ImageFileSchema, Features]:
        """Learn nothing more: pixels are whole numbers."""
        return self, checked

    def check(self, X: Any, first: int = 0) -> Features:
        """Decode image files, and check them as an array; images may be an array already."""
        if not are_strings_or_paths(X):
            return super().check(X, first)
        return self._check(self.images.decode(read_paths(X), first))

    def parts(self, X: Any) -> Iterator[tuple[int, Any]]:
        """Yield parts of the paths whose images fit into memory, each with its start."""
        if not are_strings_or_paths(X):
            yield 0, X
            return
        paths = read_paths(X)
        for start in range(0, len(paths), self.images.rows_of_part):
            yield start, paths[start : start + self.images.rows_of_part]

    @property
    def n_axes(self) -> int:
        """Number of axes of X."""
        return 1
