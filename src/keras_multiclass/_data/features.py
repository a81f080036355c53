"""What `fit` learns about X, and the checks of X from then on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_multiclass._data.advice import FIT_ON_PATHS, FIT_ON_TEXTS
from keras_multiclass._data.cast_on_read import CastOnRead
from keras_multiclass._data.columns.categories import CategoricalColumns
from keras_multiclass._data.columns.expansion.expansion import Expansion
from keras_multiclass._data.columns.names import Names, check_names, names_of
from keras_multiclass._data.foreign import check_container
from keras_multiclass._data.foreign_frames import to_frame
from keras_multiclass._data.images.paths import are_paths, refuse_one_path
from keras_multiclass._data.offsets import Offsets, has_precision, some_rows
from keras_multiclass._data.one_input import check_one_input
from keras_multiclass._data.precision import warn_of_precision
from keras_multiclass._data.ragged import Layout, arrange, as_sequences, shape_of
from keras_multiclass._data.reader import Reader, check_column_names, stand_in
from keras_multiclass._data.rows import Features
from keras_multiclass._data.sequences import Sequences
from keras_multiclass._data.texts.encoder import is_text
from keras_multiclass._shared.messages import describe, invalid


@dataclass(frozen=True, eq=False)
class FeatureSchema:
    """What `fit` learns about X, and how X is checked from then on.

    Made by `learn` and `learn_values`; never changed, so that it can be shared and pickled.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of one row; its number of steps is None for sequences of any length.
    n_features_in : int
        Size of the second axis of X; the number of channels of sequences of any length.
    feature_names_in : ndarray of str of shape (n_features_in,) or None
        Column names, if X was a data frame whose column names are all strings.
    dtype : {"float32", "float64"}
        Dtype in which numbers are passed to the network.
    token_ids : bool
        Whether X holds token ids, whole numbers of at least 0.
    integer_dtype : str or None
        Dtype of an input layer of the user's own for integers, to which X is cast instead.
    columns : CategoricalColumns or None
        The categorical columns, which become codes; None if all columns are numeric.
    allow_nan : bool
        Whether X may have NaN, for a network that fills missing values.
    estimator_name : str
        Name of the estimator in scikit-learn's messages.
    names : tuple or None
        Column names of any type, if X was a data frame.
    offsets : Offsets or None
        What is subtracted from X before it is cast; None if nothing is.
    layout : {"channels_last", "channels_first"}
        Where the channels of the user's X are.
    expansion : Expansion or None
        The columns of a table that become several numbers; None if there are none.
    """

    input_shape: tuple[int | None, ...]
    n_features_in: int
    feature_names_in: np.ndarray | None
    dtype: str = "float32"
    token_ids: bool = False
    columns: CategoricalColumns | None = None
    allow_nan: bool = False
    estimator_name: str = "Estimator"
    names: Names | None = None
    offsets: Offsets | None = None
    integer_dtype: str | None = None
    layout: Layout = "channels_last"
    expansion: Expansion | None = None

    @classmethod
    def learn(
        cls,
        X: Any,
        *,
        dtype: str = "float32",
        token_ids: bool = False,
        columns: CategoricalColumns | None = None,
        allow_nan: bool = False,
        estimator_name: str = "Estimator",
        integer_dtype: str | None = None,
        layout: Layout = "channels_last",
        expansion: Expansion | None = None,
    ) -> tuple[FeatureSchema, Features]:
        """Learn shape and names of X, and check it.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            The features: 2 to 5 dimensions, 2 for frames and sparse matrices, or `Sequences`; as
            `arrange` returns them.
        dtype, token_ids, columns, allow_nan, estimator_name, integer_dtype, layout
            As the attributes.
        expansion : Expansion, default=None
            The columns to expand, without what `learn_values` learns.

        Returns
        -------
        schema : FeatureSchema
            What was learned.
        X : ndarray, CSR matrix or CastOnRead
            As from `check`, but with zeros in columns that are still to be expanded.

        Raises
        ------
        ValueError, TypeError
            If X holds anything but finite numbers, or is empty.
        """
        reader = Reader(
            dtype, token_ids, columns, allow_nan, estimator_name, integer_dtype=integer_dtype
        )
        estimator = stand_in(estimator_name)()
        blank = X if expansion is None else expansion.blank(X)
        checked = reader.read(blank, estimator, reset=True)
        shape = tuple(int(size) for size in checked.shape[1:])
        schema = cls(
            (None, shape[1]) if isinstance(checked, Sequences) else shape,
            int(estimator.n_features_in_),
            getattr(estimator, "feature_names_in_", None),
            dtype,
            token_ids,
            columns,
            allow_nan,
            estimator_name,
            names=names_of(X),
            integer_dtype=integer_dtype,
            layout=layout,
            expansion=expansion,
        )
        return schema, checked

    def learn_values(
        self,
        X: Any,
        checked: Features,
        rows: np.ndarray | None = None,
        *,
        subtract_offsets: bool = True,
        is_part: bool = False,
    ) -> tuple[FeatureSchema, Features]:
        """Learn what depends on values, from the training rows: categories, dates, offsets, ...

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            The features, as `arrange` returns them.
        checked : ndarray, CSR matrix or CastOnRead
            The same, checked; its codes of categories may be changed.
        rows : ndarray of int, default=None
            Indices of the training rows; None for all.
        subtract_offsets : bool, default=True
            Whether `offsets` are subtracted where a cast would make values equal; otherwise this is
            a warning.
        is_part : bool, default=False
            Whether X is a part of the rows, so that it is too early for warnings. Then only offsets
            are learned; `categories` and others were before, from all rows.

        Returns
        -------
        schema : FeatureSchema
            What was learned.
        X : ndarray, CSR matrix or CastOnRead
            As from its `check`.
        """
        columns = self.columns
        if columns is not None and rows is not None and not is_part:
            columns = columns.limited_to(rows, np.asarray(checked))
        schema = replace(self, columns=columns)
        if schema.may_be_rounded(X):
            sample = schema.sample(some_rows(X, checked.shape[0], checked.size, rows))
            if subtract_offsets:
                schema = replace(schema, offsets=schema._find_offsets(sample))
            if not is_part:
                schema.warn_of_precision(sample, is_raw=not subtract_offsets)
            if schema.offsets is not None:
                checked = schema._read(X)
        if schema.expansion is None:
            return schema, checked
        expansion = schema.expansion if is_part else schema.expansion.learn(X, rows)
        return replace(schema, expansion=expansion), expansion.expand(X, checked)

    def _find_offsets(self, sample: Any) -> Offsets | None:
        offsets = Offsets.learn(sample, self.dtype)
        if offsets is None or self.columns is None:
            return offsets
        return offsets.without(column.position for column in self.columns.categorical)

    def may_be_rounded(self, X: Any) -> bool:
        """Return whether X may hold numbers that a cast would round."""
        return not self._reader.reads_integers and has_precision(X, self.dtype)

    def sample(self, X: Any) -> Any:
        """Check some rows, and return them in 64 bits and without offsets.

        Of sequences of any length, the steps are returned.
        """
        reader = replace(self._reader, dtype="float64", offsets=None)
        checked = reader.read(self._blank(X), stand_in(self.estimator_name)(), reset=True)
        checked = checked.steps if isinstance(checked, Sequences) else checked
        return checked[:] if isinstance(checked, CastOnRead) else checked

    def warn_of_precision(self, sample: Any, **options: bool) -> None:
        """Warn of features that the dtype cannot hold, see the function of this name."""
        warn_of_precision(sample, self.dtype, self.offsets, self.names, **options)

    def check(self, X: Any, first: int = 0) -> Features:
        """Check X against what was learned, and convert it to one dtype.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            The features.
        first : int, default=0
            The position of the first row in the user's X, for messages.

        Returns
        -------
        ndarray, CSR matrix or CastOnRead
            Shape as X, int32 for token ids. An array that has the dtype already is not copied; a
            memory-mapped array of another dtype, and a large one of fewer bits, is converted as it
            is read.

        Raises
        ------
        ValueError, TypeError
            If X holds anything but finite numbers, is empty, or differs from the learned shape
            or names.
        """
        refuse_one_path(X)
        if are_paths(X):
            got = f"paths of image files ({describe(X)})"
            raise ValueError(invalid("X", "what it was in fit", got, FIT_ON_PATHS))
        if is_text(X, column=False):
            got = f"strings ({describe(X)})"
            raise ValueError(invalid("X", "real numbers", got, FIT_ON_TEXTS))
        X = to_frame(X)
        check_container(X)
        if not self.any_length:
            check_one_input(X, row_shape=self.input_shape)  # type: ignore[arg-type]
        return self._check(arrange(X, self.layout))

    def _check(self, X: Any) -> Features:
        """Check what `arrange` returned."""
        if self.any_length:
            X = as_sequences(X, self.n_features_in)
        elif isinstance(X, Sequences):
            self._refuse_unequal(X)
        if not isinstance(X, Sequences):
            check_names(X, self.names, self.estimator_name)
            self._check_length(X)
        checked = self._read(X)
        return checked if self.expansion is None else self.expansion.expand(X, checked)

    def _read(self, X: Any) -> Features:
        """Check and convert X without expanding columns."""
        estimator = stand_in(self.estimator_name)()
        estimator.n_features_in_ = self.n_features_in
        if self.feature_names_in is not None:
            estimator.feature_names_in_ = self.feature_names_in
        if self.expansion is not None:  # whose columns are found by their positions
            table = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
            check_column_names(estimator, table, reset=False)
        checked = self._reader.read(self._blank(X), estimator, reset=False)
        shape = tuple(int(size) for size in checked.shape[1:])
        self._check_shape((None, shape[1]) if isinstance(checked, Sequences) else shape)
        return checked

    def _blank(self, X: Any) -> Any:
        return X if self.expansion is None else self.expansion.blank(X)

    def _refuse_unequal(self, X: Sequences) -> None:
        cure = (
            "To classify sequences of any length, pass some of unequal length to fit, or an array "
            "of dtype object with one array for each sequence."
        )
        if self.token_ids:
            cure = (
                "Pad or cut them to this length: X = keras.utils.pad_sequences(list(X), "
                f"maxlen={self.input_shape[0]}, padding='post', truncating='post')."
            )
        raise ValueError(
            invalid(
                "Each row of X",
                f"of shape {self.input_shape}, as in fit",
                f"sequences of {X.lengths.min()} to {X.lengths.max()} steps",
                cure,
            )
        )

    def _check_shape(self, shape: tuple[int | None, ...]) -> None:
        if shape != self.input_shape:
            raise ValueError(
                invalid(
                    "Each row of X",
                    f"of shape {self.input_shape}, as in fit",
                    f"shape {shape}",
                    "Reshape X, or fit again.",
                )
            )

    def _check_length(self, X: Any) -> None:
        """Raise for images or sequences of another size, which scikit-learn calls features."""
        shape = tuple(getattr(X, "shape", ()))[1:]
        expected = self.input_shape
        if not shape or shape == expected:
            return
        differs_in_length = len(shape) == len(expected) and shape[1:] == expected[1:]
        if differs_in_length and (self.token_ids or len(expected) == 2):
            dtype = "int32" if self.token_ids else "float32"
            raise ValueError(
                invalid(
                    "Each row of X",
                    f"of shape {expected}, as in fit",
                    f"shape {shape}",
                    "Pad or cut sequences to this length: X = keras.utils.pad_sequences(X, "
                    f"maxlen={expected[0]}, padding='post', truncating='post', dtype='{dtype}').",
                )
            )
        if len(shape) > 1 and len(expected) > 1:
            self._check_shape(shape)

    def parts(self, X: Any) -> Iterator[tuple[int, Any]]:
        """Yield parts of the rows to check and predict one after the other, each with its start.

        There is one part, unless files are read that may hold more than the memory.

        Parameters
        ----------
        X : array-like, data frame or sparse matrix of shape (n_samples, n_features, ...)
            The features.
        """
        yield 0, X

    @property
    def n_axes(self) -> int:
        """Number of axes of X; 1 for texts and paths."""
        return 1 + len(self.input_shape)

    @property
    def any_length(self) -> bool:
        """Whether X holds sequences of any length."""
        return self.input_shape[:1] == (None,)

    @property
    def _reader(self) -> Reader:
        return Reader(
            self.dtype,
            self.token_ids,
            self.columns,
            self.allow_nan,
            self.estimator_name,
            offsets=self.offsets,
            integer_dtype=self.integer_dtype,
        )

    @property
    def row_shape(self) -> Any:
        """Shape of one row, as users see it."""
        return self.input_shape

    def shape_of(self, checked: Features) -> Any:
        """Return the shape of checked rows; None for the steps of sequences of any length."""
        return shape_of(checked)

    @property
    def offset_values(self) -> Any:
        """What is subtracted from X; None if nothing is."""
        return None if self.offsets is None else self.offsets.values.copy()

    @property
    def vectorizer(self) -> Any:
        """The fitted vectorizer of texts; None if there is none."""
        return None

    @property
    def input_dtype(self) -> str:
        """Dtype of the checked X."""
        return "int32" if self.token_ids else self.integer_dtype or self.dtype

    @property
    def n_terms(self) -> int | None:
        """Size of the vocabulary if X is read as bags of terms."""
        return None

    @property
    def network_shape(self) -> tuple[int | None, ...]:
        """Shape of one row of the checked X, which is wider than X if columns are expanded."""
        return self.input_shape if self.expansion is None else (len(self.network_names),)

    @property
    def network_columns(self) -> CategoricalColumns | None:
        """The categorical columns among those of the checked X."""
        if self.columns is None:
            return None
        return replace(self.columns, n_columns=len(self.network_names))

    @property
    def network_blocks(self) -> list[list[int]]:
        """Positions of the numbers of each text in the checked X."""
        return [] if self.expansion is None else self.expansion.blocks(self.n_features_in)

    @property
    def network_names(self) -> list[str]:
        """Names of the columns of the checked X."""
        names = self.column_names
        return names if self.expansion is None else self.expansion.names(names)

    @property
    def column_names(self) -> list[str]:
        """Names of the columns of a table, ``x0``, ``x1``, ... if it has none."""
        if self.feature_names_in is None:
            return [f"x{i}" for i in range(self.n_features_in)]
        return list(self.feature_names_in)
