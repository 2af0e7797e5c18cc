"""The whole house, put together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from isartor_addon.assemble import build
from isartor_addon.config.schema import Config
from isartor_addon.core.recording import Entry
from tests.layers.play import exchange, recording

house = build(Config(home=sys.argv[1]))
asked = exchange()
identity = asked.identity
house.store.put(Entry(identity.key, identity.content, "caller", recording(), "h", "m", "c", 0.0, 1e12))
answer = house.pipeline.peek(asked)
house.close()
print(answer.layer, [name for name in ("onnxruntime", "numpy", "tokenizers", "faiss", "httpx2") if name in sys.modules])
"""


def test_an_exact_hit_loads_nothing_heavy(tmp_path: Path) -> None:
    """With all layers on, a house starts, answers what it was asked before, and closes, and no model was loaded."""
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert ("l1a []\n", "") == (done.stdout, done.stderr)
