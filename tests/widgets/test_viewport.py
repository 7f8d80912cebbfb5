from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvmtui.widgets.rows import Rule
from kvmtui.widgets.viewport import Viewport

KEYS = st.lists(st.one_of(st.integers(0, 40), st.builds(Rule, st.sampled_from("ab"))), unique=True, max_size=40)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(-50, 50)),
        st.tuples(st.just("go"), st.integers(-5, 60)),
        st.tuples(st.just("fit"), st.integers(0, 30)),
        st.tuples(st.just("show"), KEYS),
    ),
    max_size=30,
)


def act(view: Viewport, name: str, value: object) -> None:
    match name, value:
        case "show", list():
            view.show(value)
        case "move", int():
            view.move(value)
        case "go", int():
            view.go(value, 1)
        case "fit", int():
            view.fit(value)


@given(KEYS, ACTS)
def test_the_cursor_is_always_seen_and_never_on_a_rule(keys: list[object], acts: list[tuple[str, object]]) -> None:
    view = Viewport()
    view.fit(10)
    view.show(keys)
    for name, value in acts:
        act(view, name, value)
        if view.cursor is not None:
            assert view.keys[view.place] == view.cursor
            assert not isinstance(view.cursor, Rule)
            assert not view.height or view.cursor in view.seen
        if view.height:
            assert view.top == 0 or view.top + view.height <= len(view.keys)


@given(KEYS, ACTS, KEYS)
def test_another_order_never_puts_the_cursor_on_another_key(
    keys: list[object], acts: list[tuple[str, object]], others: list[object]
) -> None:
    view = Viewport()
    view.fit(10)
    view.show(keys)
    for name, value in acts:
        act(view, name, value)
    view.move(1)
    before, line = view.cursor, view.place - view.top
    view.show(others)
    assert view.cursor in {before, None}
    if before is None:
        return
    assert (view.cursor is None) == (before not in others)
    fits = view.height and view.cursor is not None and line <= view.place <= len(others) - view.height + line
    assert not fits or view.place - view.top == line
