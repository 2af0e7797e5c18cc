"""What mitmproxy loads: `mitmdump -s isartor_addon`, or `-s` with the path of this file.

Nobody imports this file. mitmproxy puts its folder on `sys.path` for good, where our modules would shadow others of the
same name: it is taken off again. In a checkout that is not installed the folder above takes its place.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != _FOLDER]
if find_spec("isartor_addon") is None:
    sys.path.insert(0, str(_FOLDER.parent))

from isartor_addon.proxy.hooks import Isartor  # noqa: E402 - importable only from here on

addons = [Isartor()]
