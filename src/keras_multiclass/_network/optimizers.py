"""An optimizer whose learning rate and weight decay follow schedules over the training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_multiclass._shared.keras.lookup import look_up, public_members
from keras_multiclass._shared.keras.schedules import check_schedule, factor
from keras_multiclass._shared.messages import describe, invalid

# Share of the largest learning rate where no schedule can be followed.
_RATE_WITHOUT_LENGTH = 0.5


@dataclass(frozen=True)
class Decaying:
    """A variable with weight decay.

    This is not a tuple, because Keras would track the variable as one of the optimizer's own.

    Attributes
    ----------
    variable : keras.Variable
        The variable.
    share : number or variable
        Factor of its decay: a number, or one for each element.
    """

    variable: keras.Variable
    share: Any = 1.0


def decay_share(variable: keras.Variable) -> float:
    """Return the factor of a variable's decay: as its layer declares, otherwise 0 for biases."""
    return float(getattr(variable, "decay_share", variable.name != "bias"))


@keras.saving.register_keras_serializable(package="keras_multiclass")
class ScheduledAdam(keras.optimizers.Adam):
    """Adam with a scheduled learning rate and a scheduled, decoupled weight decay.

    Before a step of Adam, each weight ``w`` except biases shrinks as in AdamW (Loshchilov and
    Hutter, ICLR 2019): ``w -= learning_rate * weight_decay * w``, both as scheduled. A layer may
    set an attribute ``decay_share`` of a variable, a factor for its decay.

    Parameters
    ----------
    learning_rate : float, default=0.001
        The largest learning rate.
    beta_1 : float, default=0.9
        Decay rate of the mean of the gradients.
    beta_2 : float, default=0.999
        Decay rate of the mean of their squares.
    epsilon : float, default=1e-7
        Added to the root of the mean of squares.
    schedule : str, default="coslog4"
        Schedule of the learning rate: ``"constant"``, ``"linear"``, ``"cosine"``,
        ``"flat_cosine"`` or ``"coslog4"``.
    weight_decay : float, default=0.0
        The largest weight decay.
    weight_decay_schedule : str, default="flat_cosine"
        Schedule of the weight decay, in addition to that of the learning rate.
    **kwargs : dict
        Further arguments of ``keras.optimizers.Adam``.

    Attributes
    ----------
    decayed : list of Decaying
        The variables with weight decay.

    Notes
    -----
    The schedules need the number of steps of the run, which `start_schedule` sets. Without it, the
    weight decay is constant, and the learning rate is half the largest one, about the mean of a
    schedule. With the largest one itself, the log loss after 64 calls of ``partial_fit`` was a
    tenth higher on six of the tables of ``benchmarks/tables``.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        schedule: str = "coslog4",
        weight_decay: float = 0.0,
        weight_decay_schedule: str = "flat_cosine",
        name: str = "scheduled_adam",
        **kwargs: Any,
    ) -> None:
        # Keras' own weight decay follows no schedule and takes the unscheduled learning rate.
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name=name, **kwargs)
        if isinstance(weight_decay, bool) or not 0 <= weight_decay < float("inf"):
            raise ValueError(
                invalid("weight_decay", "a number of at least 0", describe(weight_decay))
            )
        self.schedule = check_schedule("schedule", schedule)
        self.decay_rate = float(weight_decay)
        self.decay_schedule = check_schedule("weight_decay_schedule", weight_decay_schedule)

    def build(self, variables: list[keras.Variable]) -> None:
        """Create the variables of Adam and of the schedule.

        Parameters
        ----------
        variables : list of keras.Variable
            The variables to train.
        """
        if self.built:
            return
        super().build(variables)
        self.schedule_start = self.add_variable((), dtype="int", name="schedule_start")
        self.schedule_length = self.add_variable((), dtype="int", name="schedule_length")
        candidates = [Decaying(variable, decay_share(variable)) for variable in variables]
        self.decayed = [decaying for decaying in candidates if decaying.share]

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Raise ``ValueError``: which variables decay is up to their layers.

        Parameters
        ----------
        var_list, var_names : object
            As in ``keras.optimizers.Optimizer``.
        """
        raise ValueError(
            "ScheduledAdam excludes biases, and variables whose attribute `decay_share` is 0, from "
            "weight decay; got exclude_from_weight_decay. Set `decay_share` in the layer instead."
        )

    def start_schedule(self, n_steps: int | None) -> None:
        """Start a run at the current step; the optimizer must be built.

        Parameters
        ----------
        n_steps : int or None
            Length of the run; None if it is unknown.
        """
        self.schedule_start.assign(ops.copy(self.iterations))
        self.schedule_length.assign(n_steps or 0)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Take one step.

        Parameters
        ----------
        grads : list of tensors
            A gradient for each variable.
        trainable_variables : list of keras.Variable, default=None
            The variables that the optimizer was built with.
        """
        if not self.built and trainable_variables is not None:
            trainable_variables = list(trainable_variables)
            self.build(trainable_variables)
        self.decay_weights()
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable.

        Parameters
        ----------
        gradient : tensor
            Gradient of the loss.
        variable : variable
            Changed in place.
        learning_rate : tensor
            The largest learning rate.
        """
        super().update_step(gradient, variable, learning_rate * self._rate_factor())

    def scheduled_rate(self) -> Any:
        """Compute the learning rate of the next step."""
        return self.learning_rate * self._rate_factor()

    def begin_adam_step(self) -> Any:
        """Do what precedes a step of plain Adam.

        An engine may then take that step itself, faster.

        Returns
        -------
        tensor
            The learning rate of the step.
        """
        self.decay_weights()
        return self.scheduled_rate()

    def decay_weights(self) -> None:
        """Apply the weight decay of the next step."""
        if not self.decay_rate:
            return
        share_lost = self.scheduled_rate() * self.decay_rate * self._factor(self.decay_schedule)
        if self.gradient_accumulation_steps:
            due = (self.iterations + 1) % self.gradient_accumulation_steps == 0
            share_lost = share_lost * ops.cast(due, share_lost.dtype)
        for decaying in self.decayed:
            variable = decaying.variable
            lost = ops.cast(share_lost, variable.dtype) * decaying.share
            variable.assign(variable * (1 - lost))

    def _rate_factor(self) -> Any:
        value = self._factor(self.schedule)
        if self.schedule == "constant":
            return value
        return ops.where(self.schedule_length > 0, value, _RATE_WITHOUT_LENGTH * value)

    def _factor(self, schedule: str) -> Any:
        step = self.iterations - self.schedule_start
        return ops.cast(factor(schedule, step, self.schedule_length), self.learning_rate.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor.

        Returns
        -------
        dict
            The arguments by name.
        """
        return {
            **super().get_config(),
            "schedule": self.schedule,
            "weight_decay": self.decay_rate,
            "weight_decay_schedule": self.decay_schedule,
        }


def optimizer_lookup(name: str) -> type:
    """Return an optimizer class of Keras or ours by name, such as ``"adam"`` or ``"AdamW"``."""
    known = public_members(keras.optimizers, keras.optimizers.Optimizer)
    optimizer: type = look_up(name, "optimizer", {**known, ScheduledAdam.__name__: ScheduledAdam})
    return optimizer


def follows_schedule(optimizer: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether the learning rate of an optimizer follows a schedule over the whole run.

    Parameters
    ----------
    optimizer : str, class or keras.optimizers.Optimizer
        As passed by the user.
    arguments : mapping
        Its routed arguments.
    """
    if not issubclass(_class_of(optimizer), ScheduledAdam):
        return False
    own = getattr(optimizer, "schedule", None)
    return bool(arguments.get("schedule", own) != "constant")


_ELEMENTWISE = frozenset(
    {
        *(ScheduledAdam, keras.optimizers.SGD, keras.optimizers.RMSprop, keras.optimizers.Adam),
        *(keras.optimizers.AdamW, keras.optimizers.Nadam, keras.optimizers.Adamax),
        *(keras.optimizers.Adagrad, keras.optimizers.Adadelta, keras.optimizers.Lion),
    }
)


def acts_elementwise(optimizer: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether the step of each weight depends on its own gradients only, as far as is known.

    Parameters
    ----------
    optimizer : str, class or keras.optimizers.Optimizer
        As passed by the user.
    arguments : mapping
        Its routed arguments.
    """
    clips = arguments.get("clipnorm", getattr(optimizer, "clipnorm", None)) is not None
    return _class_of(optimizer) in _ELEMENTWISE and not clips


def _class_of(optimizer: Any) -> type:
    """Return the class of an optimizer; ``object`` for an unknown name, which compiling reports."""
    if isinstance(optimizer, str):
        try:
            return optimizer_lookup(optimizer)
        except ValueError:
            return object
    return optimizer if isinstance(optimizer, type) else type(optimizer)
