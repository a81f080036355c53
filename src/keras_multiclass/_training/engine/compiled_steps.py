"""Training steps that XLA has compiled, in blocks of batches of one size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_multiclass._shared.keras.native_logs import without_native_logs
from keras_multiclass._training.engine.binding import values_of
from keras_multiclass._training.engine.device_data import Placed
from keras_multiclass._training.engine.epochs import padded
from keras_multiclass._training.engine.programs import Program, Trainee
from keras_multiclass._training.engine.xla import compilation_error, draws_random_numbers


class CompiledSteps:
    """The compiled steps of a model, for some sizes of batches.

    Parameters
    ----------
    program : Program
        The program of the model.
    trainee : Trainee
        The model.
    data : DeviceData or HostData
        The rows, for their shapes and dtypes.
    required : bool
        Whether the user requested XLA, so that what it cannot compile is an error.
    """

    def __init__(self, program: Program, trainee: Trainee, data: Placed, *, required: bool) -> None:
        self.required = required
        self._program = program
        self._trainee = trainee
        self._data = data
        self._state = values_of(trainee.variables)
        self._blocks: dict[int, tuple[int, Callable[..., Any]]] = {}

    @property
    def sizes(self) -> list[int]:
        """The sizes of batches, in the order in which they were compiled."""
        return list(self._blocks)

    def compile(self, batch_size: int, n_steps: int) -> None:
        """Compile steps for full batches, if XLA can and draws no random numbers of its own.

        Parameters
        ----------
        batch_size : int
            Rows of a batch.
        n_steps : int
            The most steps of a call.

        Raises
        ------
        EngineError
            If that fails and is required.
        """
        n_rows = batch_size * n_steps
        try:
            block = self._program.block(self._trainee, self._data, n_rows, batch_size)
            if draws_random_numbers(block) and not self.required:
                return
            rows = self._data.take(np.zeros(n_rows, np.int32))
            with without_native_logs():  # XLA logs its start
                block(self._state, *rows, tf.constant(0))  # compiles, without a step
        except Exception as error:
            if self.required:
                raise compilation_error(error) from error
        else:
            self._blocks[batch_size] = n_rows, block

    def train(
        self,
        take: Callable[[np.ndarray], tuple[tf.Tensor, ...]],
        order: np.ndarray,
        batch_size: int,
    ) -> Iterator[tuple[int, Any]]:
        """Take steps for full batches of a size that was compiled.

        Parameters
        ----------
        take : callable
            Returns the rows of given numbers.
        order : ndarray of int32 of shape (n_rows,)
            Their numbers.
        batch_size : int
            Rows of a batch.

        Yields
        ------
        n_steps : int
            The number of steps of a call.
        logs : structure of tensors
            The logs of the last one.
        """
        n_rows, block = self._blocks[batch_size]
        for start in range(0, len(order), n_rows):
            rows = order[start : start + n_rows]
            n_steps = len(rows) // batch_size
            yield n_steps, block(self._state, *take(padded(rows, n_rows)), tf.constant(n_steps))
