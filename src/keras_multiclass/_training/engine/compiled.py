"""What a network must still be compiled with after the user, or a callback, compiled it again."""

from __future__ import annotations

from typing import Any

import keras

from keras_multiclass._shared.keras.overrides import overridden
from keras_multiclass._shared.messages import describe, invalid
from keras_multiclass._shared.upstream.keras_training import compile_arguments_of
from keras_multiclass.exceptions import ObjectiveError


class CompiledCheck(keras.callbacks.Callback):
    """Raises if another callback compiled a network with what cannot train it.

    Parameters
    ----------
    loss : keras.losses.Loss or None
        The loss that the classifier compiled the network with.
    """

    def __init__(self, loss: Any) -> None:
        super().__init__()
        self.loss = loss

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Check before the training steps."""
        self._check()

    def on_test_begin(self, logs: Any = None) -> None:
        """Check before the validation steps."""
        self._check()

    def _check(self) -> None:
        check_compiled(
            self.model,
            self.loss,
            "the network during training",
            "In a callback, pass loss=self.model.loss and an optimizer to self.model.compile. To "
            "change the loss in the course of training, multiply its parts by variables that the "
            "callback assigns.",
        )


def check_compiled(model: keras.Model, loss: Any, name: str, cure: str) -> None:
    """Raise unless a network still has an optimizer, and the loss of the classifier.

    Another loss may be for labels in another format, or for an output in another form.

    Parameters
    ----------
    model : keras.Model
        Compiled, perhaps by the user.
    loss : keras.losses.Loss or None
        The loss that the classifier compiled it with; None for a model whose own ``compile`` or
        ``compute_loss`` needs none.
    name, cure : str
        What the network is called in the message, and what to do.

    Raises
    ------
    ObjectiveError
        If it has another loss, or no optimizer.
    """
    # Keras goes on with the earlier loss if it is compiled without one.
    given = None if _is_without_loss(model) else model.loss
    if loss is not None and (given is None or not _takes_same(given, loss)):
        got = describe(given)
        if type(given) is type(loss):
            got = f"another {type(given).__name__}, for an output in another form"
        raise ObjectiveError(
            invalid(f"The loss of {name}", "as compiled by the classifier", got, cure)
        )
    if model.optimizer is None:
        raise ObjectiveError(invalid(f"The optimizer of {name}", "an optimizer", "None", cure))


def _is_without_loss(model: keras.Model) -> bool:
    if model.loss is None or overridden(model, ["compile"]):
        return model.loss is None
    try:
        return compile_arguments_of(model).get("loss") is None
    except Exception:  # Keras' description fails for losses of the user's own
        return False


def _takes_same(first: Any, second: Any) -> bool:
    """Whether losses take the same labels and output."""
    if first is second:
        return True
    return type(first) is type(second) and _forms_of(first) == _forms_of(second)


def _forms_of(loss: Any) -> Any:
    return getattr(loss, "forms", None) or loss.get_config().get("from_logits")
