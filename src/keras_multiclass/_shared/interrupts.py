"""Interrupts (Ctrl-C) wait until nothing is half done.

Python runs the handler of SIGINT between any two operations of the main thread. A
`KeyboardInterrupt` there could leave weights without their history, a lock held, or a trace half
made. Inside `shielded`, the handler waits for the next safe point: the end of the block,
`check_interrupt`, or a block of `interruptible`, which surrounds the user's code and what else may
take long. It is the handler that was installed before, which may be the user's. Other threads get
no signals, and nothing waits there.
"""

from __future__ import annotations

import gc
import inspect
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

_Item = TypeVar("_Item")

# So many times Ctrl-C has to be pressed to interrupt at once, for instance an endless loop in a
# layer that is being traced.
_AT_ONCE = 3


class _Shield:
    """The state of the outermost block of `shielded`, and its handler of SIGINT."""

    handler: Callable[[int, FrameType | None], Any]  # the one before

    def __init__(self) -> None:
        self.is_open = False
        self.waiting = 0
        self.installed = self._handle  # one object, to recognize it

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.waiting += 1
        if self.waiting >= _AT_ONCE or (self.is_open and not _is_in_finalizer(frame)):
            self.deliver(frame)

    def deliver(self, frame: FrameType | None) -> None:
        """Run the handler; if it raises, what cleans up is shielded, too."""
        was_open, self.is_open, self.waiting = self.is_open, False, 0
        self.handler(signal.SIGINT, frame)
        self.is_open = was_open


_local = threading.local()


def _current() -> _Shield | None:
    return getattr(_local, "shield", None)


class shielded:  # noqa: N801
    """Let interrupts wait inside this block; blocks may be nested."""

    def __enter__(self) -> None:
        self._is_outermost = False
        self._shield = _current()
        if self._shield is not None:
            self._was_open, self._shield.is_open = self._shield.is_open, False
            return
        if threading.current_thread() is not threading.main_thread():
            return
        shield = _Shield()
        before = signal.signal(signal.SIGINT, shield.installed)
        if not callable(before):  # no handler in Python, so nothing is raised either
            signal.signal(signal.SIGINT, before)
            return
        shield.handler = before
        self._is_outermost = True
        self._shield = _local.shield = shield

    def __exit__(self, *_: object) -> None:
        shield = self._shield
        if shield is None:
            return
        if not self._is_outermost:
            shield.is_open = self._was_open
            return
        _local.shield = None
        found = signal.signal(signal.SIGINT, shield.handler)
        if found != shield.installed:  # the user's code has replaced it
            signal.signal(signal.SIGINT, found)
        if shield.waiting:
            shield.deliver(inspect.currentframe())
        shield.is_open = True  # if the user's code installs it again


class interruptible:  # noqa: N801
    """Let interrupts through inside this block, which is in one of `shielded`."""

    def __enter__(self) -> None:
        self._shield = _current()
        if self._shield is not None:
            self._was_open, self._shield.is_open = self._shield.is_open, True
            check_interrupt()

    def __exit__(self, *_: object) -> None:
        if self._shield is not None:
            self._shield.is_open = self._was_open


def check_interrupt() -> None:
    """Deliver an interrupt that waits."""
    shield = _current()
    if shield is not None and shield.waiting:
        shield.deliver(inspect.currentframe())


def interruptibly(items: Iterable[_Item]) -> Iterator[_Item]:
    """Iterate over items that the user's code yields, and can be interrupted.

    Parameters
    ----------
    items : iterable
        The items.

    Yields
    ------
    object
        Each of them.
    """
    with interruptible():
        iterator = iter(items)
    end = object()
    while True:
        with interruptible():
            item: Any = next(iterator, end)
        if item is end:
            return
        yield item


def _is_in_finalizer(frame: FrameType | None) -> bool:
    """Whether Python would ignore an exception here, as wherever objects are freed."""
    callbacks = [getattr(callback, "__code__", None) for callback in gc.callbacks]
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if frame.f_code.co_name == "__del__" or name in ("weakref", "_weakrefset"):
            return True
        if frame.f_code in callbacks:
            return True
        frame = frame.f_back
    return False
