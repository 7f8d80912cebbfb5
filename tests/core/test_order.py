from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvmtui.core.order import Order

PROBLEM, REST = 0, 1


def made(*names: str, band: int = REST) -> dict[str, tuple[int, object]]:
    return {name: (band, name) for name in names}


def test_rows_stand_by_band_and_key() -> None:
    order = Order[str]()
    rows = {"b": (REST, "b"), "a": (REST, "a"), "z": (PROBLEM, "z")}
    assert order.arrange(rows, 0.0) == ["z", "a", "b"]


def test_nothing_moves_for_ten_seconds_after_a_key() -> None:
    order = Order[str]()
    order.arrange({"a": (REST, 1), "b": (REST, 2)}, 0.0)
    order.touch(100.0)
    turned = {"a": (REST, 2), "b": (REST, 1)}
    assert order.arrange(turned, 109.9) == ["a", "b"]
    assert order.held(109.9)
    assert order.arrange(turned, 110.0) == ["b", "a"]


def test_sorting_again_is_at_once() -> None:
    order = Order[str]()
    order.arrange({"a": (REST, 1), "b": (REST, 2)}, 0.0)
    order.touch(0.0)
    assert order.arrange({"a": (REST, 2), "b": (REST, 1)}, 1.0, resort=True) == ["b", "a"]


def test_a_row_that_gets_worse_does_not_jump_away_while_one_works() -> None:
    order = Order[str]()
    order.arrange(made("a", "b", "c"), 0.0)
    order.touch(0.0)
    assert order.arrange({**made("a", "b"), "c": (PROBLEM, "c")}, 1.0) == ["a", "b", "c"]
    assert order.band("c") == REST


def test_new_rows_go_to_the_end_of_their_band_and_are_counted() -> None:
    order = Order[str]()
    order.arrange({**made("p", band=PROBLEM), **made("m", "z")}, 0.0)
    order.touch(0.0)
    rows = {**made("p", "q", band=PROBLEM), **made("m", "z", "a")}
    assert order.arrange(rows, 1.0) == ["p", "q", "m", "z", "a"]
    assert order.new == 2
    order.arrange(rows, 2.0, resort=True)
    assert order.new == 0


def test_the_first_row_of_a_band_comes_between_the_others() -> None:
    order = Order[str]()
    order.arrange({"first": (0, ""), "last": (2, "")}, 0.0)
    order.touch(0.0)
    assert order.arrange({"first": (0, ""), "last": (2, ""), "new": (1, "")}, 1.0) == ["first", "new", "last"]


def test_a_vanished_row_stays_as_gone_until_the_cursor_leaves_it() -> None:
    order = Order[str]()
    order.arrange(made("a", "b", "c"), 0.0)
    order.touch(0.0)
    order.point("b")
    assert order.arrange(made("a", "c"), 5.0) == ["a", "b", "c"]
    assert order.gone == {"b": 5.0}
    assert order.arrange(made("a", "c"), 60.0) == ["a", "b", "c"]  # the order is made anew
    order.point("c")
    assert order.keys == ("a", "c")
    assert not order.gone


def test_a_row_that_vanishes_elsewhere_falls_out() -> None:
    order = Order[str]()
    order.arrange(made("a", "b", "c"), 0.0)
    order.touch(0.0)
    order.point("a")
    assert order.arrange(made("a", "c"), 1.0) == ["a", "c"]


def test_a_row_that_comes_back_is_no_longer_gone() -> None:
    order = Order[str]()
    order.arrange(made("a", "b"), 0.0)
    order.touch(0.0)
    order.point("b")
    order.arrange(made("a"), 1.0)
    assert order.arrange(made("a", "b"), 2.0) == ["a", "b"]
    assert not order.gone


tables = st.dictionaries(st.integers(0, 12), st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=12)


@given(st.lists(st.tuples(tables, st.integers(0, 12)), min_size=1, max_size=8))
def test_a_held_order_never_changes_and_the_cursor_never_falls_to_a_neighbour(
    steps: list[tuple[dict[int, tuple[int, int]], int]],
) -> None:
    order = Order[int]()
    before = order.arrange(steps[0][0], 0.0)
    order.touch(0.0)
    for now, (rows, wish) in enumerate(steps, start=1):
        if wish in order.keys:
            order.point(wish)
            before = list(order.keys)
        after = order.arrange(rows, now / 10)
        assert [key for key in before if key in after] == [key for key in after if key in before]
        assert set(after) == rows.keys() | order.gone.keys()
        assert len(after) == len(set(after))
        assert not order.gone.keys() & rows.keys()
        if order.cursor is not None:
            assert order.cursor in after
            assert order.gone.keys() <= {order.cursor}
        before = after


@given(tables, st.booleans())
def test_an_order_that_is_made_is_sorted(rows: dict[int, tuple[int, int]], held: bool) -> None:
    order = Order[int]()
    if held:
        order.touch(0.0)
    arranged = order.arrange(rows, 1.0, resort=True)
    assert [rows[key] for key in arranged] == sorted(rows.values())
