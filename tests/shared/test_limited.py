"""Work in children: values come back, and neither a hang, an exception nor a crash of one item takes the others along."""

import math
import os
import time

from difusa.shared.limited import limited

# The children import these by name: only what an installed module holds can be sent to them.


def outcomes(function, items, **options):
    return dict(limited(function, items, **options))


def test_values_of_all_items_in_any_number_of_children():
    found = outcomes(math.factorial, list(range(12)), seconds=20, workers=2)
    assert {i: o.value for i, o in found.items()} == {i: math.factorial(i) for i in range(12)}
    assert not any(o.reason for o in found.values())


def test_an_exception_is_the_items_own_reason():
    found = outcomes(math.sqrt, [4.0, -1.0, 9.0], seconds=20)
    assert [found[i].value for i in range(3)] == [2.0, None, 3.0]
    # What Python says of the root of a negative number differs between versions; that it says something does not.
    assert found[1].reason and not found[0].reason and not found[2].reason


def test_a_dead_child_fails_its_item_alone():
    found = outcomes(os._exit, [3, 4], seconds=20)
    assert [found[i].reason for i in (0, 1)] == ["its process died with status 3", "its process died with status 4"]


def test_an_endless_item_ends_by_processor_time():
    # 9 ** (9 ** 9) keeps the interpreter busy inside one call for hours: no signal handler of Python's would run.
    found = outcomes(eval, ["1 + 1", "9 ** 9 ** 9", "2 + 2"], seconds=1.0)
    assert [found[i].value for i in range(3)] == [2, None, 4]
    assert found[1].reason == "longer than 1 s"


def test_a_sleeping_item_ends_by_the_clock():
    began = time.monotonic()
    found = outcomes(time.sleep, [60.0, 0.0], seconds=0.2)
    assert found[0].reason == "longer than 0.2 s" and not found[1].reason
    assert time.monotonic() - began < 50


def test_no_items_no_children():
    assert outcomes(math.sqrt, [], seconds=1) == {}
