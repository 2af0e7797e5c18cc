"""What one process must do by itself."""

import pytest

from isartor_addon.workers.alone import cores, why_alone


@pytest.mark.parametrize(
    ("modes", "options", "web", "cassette", "alone"),
    [
        (["regular", "socks5@1080", "upstream:http://p:1", "transparent"], [], False, False, False),
        (["reverse:https://api.openai.com@0"], ["ssl_insecure=true"], False, False, False),
        (["reverse:http3://h"], [], False, False, True),
        (["regular", "wireguard"], [], False, False, True),
        (["local:claude"], [], False, False, True),
        ([], ["save_stream_file=f"], False, False, True),
        ([], ["mode=wireguard"], False, False, True),
        ([], [], True, False, True),
        ([], [], False, True, True),
    ],
)
def test_alone(modes: list[str], options: list[str], web: bool, cassette: bool, alone: bool) -> None:
    """Modes with a TCP port of their own can be shared; what is held in one process's memory or file cannot."""
    assert alone == bool(why_alone(modes=modes, options=options, web=web, cassette=cassette))


def test_cores() -> None:
    """There is at least one."""
    assert cores() >= 1
