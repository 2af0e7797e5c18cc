"""The `isartor` command: one file a verb, imported only when the verb is used."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from isartor_addon import __version__
from isartor_addon.core.errors import ConfigError, IsartorError

VERBS = {
    "up": "start the proxy",
    "stop": "stop the proxy",
    "status": "say whether the proxy runs, and how it does",
    "env": "print what to export so that tools use the proxy",
    "run": "run one tool with these exports",
    "trust": "show, install or remove the certificate authority",
    "cache": "look at stored answers, remove and pin them",
    "semantic": "say what the semantic cache has done",
    "cassette": "move recordings between machines",
    "keys": "keep providers' keys",
    "providers": "show the providers that may be asked, and how they fare",
    "stats": "say what was used, what it cost and what was saved",
    "explain": "say why an answer came from the store or did not",
    "config": "show the settings that hold, and who says so",
    "addon-path": "print the file for `mitmdump -s`",
}

FAILED = 1
USAGE = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one verb.

    Args:
        argv: the words after `isartor`; None: the process's own.

    Returns:
        The exit code: 0; 1 when it did not work; 2 when it was asked wrongly; 3 when no proxy runs (`status`, `run`).
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except ConfigError as error:
        return _complain(error, USAGE)
    except IsartorError as error:
        return _complain(error, FAILED)
    except BrokenPipeError:
        # Nobody reads on: the interpreter must not try to flush once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _complain(error: object, code: int) -> int:
    with contextlib.suppress(OSError):
        print(f"isartor: {error}", file=sys.stderr)
    return code


def _run(words: list[str]) -> int:
    verb = next((word for word in words[:1] if word in VERBS), None)
    if verb is None:
        _outline().parse_args(words)  # `--help`, `--version`, or an error
        _outline().print_help()
        return USAGE
    module = import_module(f"isartor_addon.cli.{verb.replace('-', '_')}")
    arguments = _parser_of(verb, module).parse_args(words[1:])
    arguments.words = words[1:]
    code: int = module.run(arguments)
    return code


def _outline() -> argparse.ArgumentParser:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {meaning}" for verb, meaning in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="isartor",
        usage="isartor VERB [options]",
        description="Answers repeated LLM calls from this machine.",
        epilog=f"verbs:\n{verbs}\n\n`isartor VERB --help` says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"isartor {__version__}")
    parser.add_argument("verb", nargs="?", choices=tuple(VERBS), metavar="VERB", help=argparse.SUPPRESS)
    return parser


def _parser_of(verb: str, module: ModuleType) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"isartor {verb}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.arguments(parser)
    return parser
