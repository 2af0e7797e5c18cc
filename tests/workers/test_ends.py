"""A proxy's own connections, known to all of its workers."""

import os

from isartor_addon.workers.ends import Ends


def test_what_one_opens_all_know() -> None:
    """An end that one worker has added is in the table of all, by address and port, until it is taken out."""
    fd = Ends.new(2)
    one, two = (Ends(fd, number=number, count=2) for number in (1, 2))
    one.add(("127.0.0.1", 65535))
    one.add(("127.0.0.1", 1))
    two.add(("127.0.0.1", 1))
    assert [True, False, False] == [
        end in two for end in (("127.0.0.1", 65535), ("10.0.0.1", 65535), ("127.0.0.1", 65534))
    ]
    one.discard(("127.0.0.1", 65535))
    one.discard(("127.0.0.1", 1))
    assert [False, True] == [end in two for end in (("127.0.0.1", 65535), ("127.0.0.1", 1))]
    two.clear()
    assert ("127.0.0.1", 1) not in one
    for each in (one, two):
        each.close()
    os.close(fd)
