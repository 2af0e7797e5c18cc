"""Who takes the next connection."""

import os

from isartor_addon.workers.tally import Tally


def test_who_has_fewest_is_next() -> None:
    """Those with fewest are next; who is away does not count, and forgets its connections."""
    fd = Tally.new(3)
    one, two = Tally(fd, 3), Tally(fd, 3)
    one.come(1)
    two.come(2)
    assert [True, True] == [one.has_fewest(1), two.has_fewest(2)]
    one.add(1, 1)
    assert [False, True] == [one.has_fewest(1), two.has_fewest(2)]
    two.add(2, 2)
    one.come(1)
    assert [True, False] == [two.has_fewest(1), one.has_fewest(2)]
    one.leave(1)
    one.add(1, -1)
    assert two.has_fewest(2)
    for each in (one, two):
        each.close()
    os.close(fd)
