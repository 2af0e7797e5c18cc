"""The third identical request of one session gets a fresh answer."""

import pytest

from isartor_addon.layers.exact.again import WINDOW_S, Again


def counted(again: Again, times: int, *, session: str = "s", step_s: float = 1.0) -> list[bool]:
    """Which of several identical requests are answered afresh; `due` must say so beforehand."""
    said = []
    for number in range(times):
        now = number * step_s
        due = again.due(session, "k", now)
        assert due == again.count(session, "k", now)
        said.append(due)
    return said


def test_every_second_repeat_is_fresh_by_default() -> None:
    """Asked, served, fresh; and counted anew from the fresh answer."""
    assert [False, False, True, False, True] == counted(Again("refresh"), 5)


def test_a_number_sets_which_one() -> None:
    """`again = 2` answers every repeat afresh."""
    assert [False, True, True] == counted(Again("2"), 3)


def test_serve_never_asks_again() -> None:
    """`again = "serve"` serves for ever."""
    assert [False] * 6 == counted(Again("serve"), 6)


def test_requests_without_a_session_are_not_counted() -> None:
    """A script that declares no session is no person who presses retry."""
    assert [False] * 6 == counted(Again("refresh"), 6, session="")


def test_old_requests_do_not_count() -> None:
    """After ten minutes the count begins anew."""
    assert [False] * 4 == counted(Again("refresh"), 4, step_s=WINDOW_S + 1)


def test_sessions_and_keys_are_counted_apart() -> None:
    """Another session's or another question's requests do not count."""
    again = Again("2")
    assert not again.count("s", "k", 0)
    assert not again.due("t", "k", 1)
    assert not again.due("s", "l", 1)
    assert again.due("s", "k", 1)


@pytest.mark.parametrize("setting", ["serve", "refresh", "2", "17"])
def test_takes_what_the_settings_allow(setting: str) -> None:
    """Every value that the configuration lets through is understood."""
    assert not Again(setting).due("s", "k", 0)
