"""The collector waits, and is as it was afterwards."""

import gc

import pytest

from promptops.runs.collector import collecting_later


def test_the_collector_waits_and_comes_back_even_after_an_error() -> None:
    with pytest.raises(KeyError), collecting_later():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_who_had_it_switched_off_keeps_it_so() -> None:
    gc.disable()
    try:
        with collecting_later():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
