"""Makes `mitmdump -s isartor_addon` work by that very name.

mitmproxy takes only the path of a file after `-s`. `isartor_addon.pth`, which the wheel and the editable install carry,
imports this module when the running program is one of mitmproxy's; it puts the path of `addon.py` where our name is.
Imported while Python starts, in a program that is not ours: standard library only, and it never raises.
"""

import os
import re
import sys

NAME = "isartor_addon"
_PROGRAMS = ("mitmdump", "mitmproxy", "mitmweb")
# As argparse takes them: `-s X`, `-sX`, `-qs X`, `--scripts X`, `--script=X` (any clear beginning), `--set scripts=X`.
_SHORT = "-[knqv]*s"
_LONG = "--sc(?:r(?:i(?:p(?:ts?)?)?)?)?"
_FLAG = re.compile(f"{_SHORT}|{_LONG}")
_WHOLE = re.compile(f"({_SHORT}=?|{_LONG}=|--set=scripts=){NAME}")
_SETTING = f"scripts={NAME}"


def rewrite(arguments: list[str], path: str) -> list[str]:
    """
    Give the arguments of a mitmproxy program with `path` for our name, wherever it is given as a script.

    Args:
        arguments: the program's, its own name first.
        path: of the file to load.
    """
    result = arguments[:1]
    before = ""
    for word in arguments[1:]:
        if word == NAME and _FLAG.fullmatch(before):
            result.append(path)
        elif word == _SETTING and before == "--set":
            result.append(f"scripts={path}")
        elif whole := _WHOLE.fullmatch(word):
            result.append(whole[1] + path)
        else:
            result.append(word)
        before = word
    return result


def is_mitmproxy(program: str) -> bool:
    """Whether a program's path is that of one of mitmproxy's: `/usr/bin/mitmdump`, `C:/bin/mitmweb.exe`."""
    name = program.replace("\\", "/").rpartition("/")[2].lower()
    return name.removesuffix(".exe").removesuffix("-script.py") in _PROGRAMS


def _apply() -> None:
    if sys.argv and is_mitmproxy(sys.argv[0]):
        sys.argv[:] = rewrite(sys.argv, os.path.join(os.path.dirname(os.path.abspath(__file__)), "addon.py"))


try:
    _apply()
except Exception as error:
    # Another program is starting: it must not fail because of us.
    sys.stderr.write(f"isartor_addon: {error}\n")
