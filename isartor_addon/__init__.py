"""The prompt firewall on the wire: a mitmproxy addon that answers repeated LLM calls from this machine.

Importing this package is cheap: it imports nothing. `addon.py` is what mitmproxy loads, `cli/` is the
`isartor` command, `assemble.py` puts the parts together.
"""

__version__ = "0.1.0"
