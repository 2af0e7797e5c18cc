"""How processes hear of each other's changes: everything that others did, nothing that one did oneself."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.store.epoch import Epoch

STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(("note", "look"))), max_size=40)


@given(STEPS)
def test_a_look_gives_what_others_noted_since_the_last(steps: list[tuple[int, str]]) -> None:
    """Three processes note and look in any order: each hears of all that the others noted, once, and not of its own."""
    with TemporaryDirectory() as folder:
        processes = [Epoch(Path(folder) / "epoch") for _ in range(3)]
        unheard: list[set[str]] = [set(), set(), set()]
        for count, (who, step) in enumerate(steps):
            if step == "look":
                assert processes[who].look() == unheard[who]
                unheard[who].clear()
                continue
            processes[who].note([f"{count:064x}"])
            for other in {0, 1, 2} - {who}:
                unheard[other].add(f"{count:064x}")


def test_what_is_ones_own_is_not_read_again(tmp_path: Path) -> None:
    """A line of one's own is passed over by its place: it could say anything by now."""
    epoch = Epoch(tmp_path / "epoch")
    for number in range(3):
        epoch.note([f"{number:064x}"])
    lines = epoch.path.read_bytes().splitlines(keepends=True)
    epoch.path.write_bytes(b"".join(b"0" * 12 + line[12:] for line in lines))
    assert frozenset() == epoch.look()
    Epoch(epoch.path).note(["f" * 64])
    assert {"f" * 64} == epoch.look()
