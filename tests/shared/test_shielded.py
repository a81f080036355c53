"""Interrupts wait inside `shielded`, and always arrive."""

# ruff: noqa: PT012 (which statement raises is what these tests are about)

from __future__ import annotations

import signal
import threading

import pytest

from keras_multiclass._shared.interrupts import (
    check_interrupt,
    interruptible,
    interruptibly,
    shielded,
)


def press():
    """Press Ctrl-C; Python runs the handler before the next operation."""
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def handler():
    before = signal.getsignal(signal.SIGINT)
    yield before
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_waits_for_the_end():
    done = []
    with pytest.raises(KeyboardInterrupt), shielded():
        with shielded():
            press()
            done.append("inside")
        done.append("between")
    assert done == ["inside", "between"]


def test_an_interrupt_waits_for_a_check():
    done = []
    with pytest.raises(KeyboardInterrupt), shielded():
        check_interrupt()
        press()
        done.append("before")
        check_interrupt()
        done.append("never")
    assert done == ["before"]


@pytest.mark.parametrize("early", [False, True])
def test_an_interrupt_passes_where_it_may_and_cleaning_up_is_shielded(early):
    done = []
    with pytest.raises(KeyboardInterrupt), shielded():
        if early:
            press()
        try:
            with interruptible():
                press()
                done.append("never")
        finally:
            press()
            done.append("cleaned up")
    assert done == ["cleaned up"]


def test_a_shield_closes_what_is_interruptible():
    done = []
    with pytest.raises(KeyboardInterrupt), shielded(), interruptible():
        with shielded():
            press()
            done.append("inside")
        press()
        done.append("never")
    assert done == ["inside"]


def test_pressing_ctrl_c_three_times_interrupts_at_once():
    count = 0
    with pytest.raises(KeyboardInterrupt), shielded():
        while count < 9:
            count += 1
            press()
    assert count == 3


def test_the_handler_of_the_user_is_called(monkeypatch):
    calls = []
    before = signal.signal(signal.SIGINT, lambda number, frame: calls.append((number, frame)))
    try:
        with shielded():
            press()
            assert not calls
            with interruptible():
                assert len(calls) == 1
                press()
                assert len(calls) == 2
            press()
            assert len(calls) == 2
        assert [number for number, _ in calls] == [signal.SIGINT] * 3
        assert all(frame is not None for _, frame in calls)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_the_users_code_installs_stays():
    calls = []
    with shielded(), interruptible():
        before = signal.signal(signal.SIGINT, lambda *_: calls.append(None))
    press()
    assert len(calls) == 1
    signal.signal(signal.SIGINT, before)  # that of the block, which has ended
    with pytest.raises(KeyboardInterrupt):
        press()
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_signals_that_are_ignored_remain_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with shielded(), interruptible():
            press()
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_finalizer_does_not_swallow_an_interrupt():
    class Dying:
        def __del__(self):
            press()
            done.append("finalized")

    done = []
    with pytest.raises(KeyboardInterrupt), shielded():
        with interruptible():
            Dying()
        check_interrupt()
        done.append("never")
    assert done == ["finalized"]


def test_other_threads_do_not_change_the_shield():
    def run():
        with shielded(), interruptible():
            check_interrupt()

    done = []
    with pytest.raises(KeyboardInterrupt), shielded():
        press()
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        done.append("inside")
    assert done == ["inside"]


def test_iterating_can_be_interrupted():
    def generate():
        yield 1
        press()
        yield 2

    assert list(interruptibly("ab")) == ["a", "b"]
    seen = []
    with pytest.raises(KeyboardInterrupt), shielded():
        for item in interruptibly(generate()):
            seen.append(item)
    assert seen == [1]
