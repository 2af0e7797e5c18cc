"""What `isartor up` adds to mitmproxy."""

import pytest


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of mitmproxy's own imports
def test_addons_leave_the_fast_lane_open() -> None:
    """They have no hooks for flows: with those, every request would go through mitmproxy's own layers."""
    from isartor_addon.proxy import gate, launch
    from isartor_addon.proxy.drain import Drain

    assert [False, False] == [gate._has_hook(addon) for addon in (Drain, launch._Announcer)]
