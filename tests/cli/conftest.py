"""A command with an empty home."""

from pathlib import Path

import pytest

from tests.cli.command import Command


@pytest.fixture
def isartor(tmp_path: Path) -> Command:
    """The command; nothing has been set up yet."""
    return Command(tmp_path)
