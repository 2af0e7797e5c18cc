r"""What of a text is worked on or talked about rather than said: code, pasted lines, words as words.

There nothing is a synonym and nothing is politeness: "Say please" is not "Say thanks", `\d` is not `\D`, and an
indented line is another one. So it is compared as it is written.
"""

from __future__ import annotations

import re

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.forms import FORMS

_ABOUT_WORDS = re.compile(rf"\b(?:{'|'.join(sorted(lexicon.ABOUT_WORDS))})\b:?", re.I)
_COLON = re.compile(r"(?<=\w):(?=\s+\S)")
_ANY_VERB = "|".join(sorted(lexicon.VERBS | {"classify"}))
_VERB = re.compile(rf"\b(?:{_ANY_VERB}|following|wrong)\b", re.I)
_MEANT = re.compile(r"\bwhat does (?:the word )?([^\s?]+) (mean|stand for)\b", re.I)
_POLITE = re.compile(r"(?:,\s*(?:please|pls|thanks|thank you))?[\s.?]*$", re.I)
_CODE = re.compile(r"[{}\[\]<>=|\\^~*;]|\w[(!?]+[\w.]|^[!+-]{1,2}[\w(]|[+-]{2}$|^%\w$|^\$\W|::|\w[!?]$")
_COMMAND = re.compile(rf"(?:{'|'.join(sorted(lexicon.COMMANDS))})\s", re.I)
_BIT = re.compile(r"(?<![A-Za-z])[KMGT]b(?:ps|it)?(?![A-Za-z])")
_YOURS = re.compile(
    r"\bhow (?:do|can|could|will|would|should) (you)\b"
    r"(?=.*\b(?:my|our|me|us)\b| \w+[\s?.]*$| (?:feel|think|know|stay|remember)\b)",
    re.I,
)


_GREETINGS = "hello|hi|hey|please|thanks|thank you|sorry|ok|okay|good (?:morning|day|evening|night)"
_GREETED = re.compile(rf"\b(?:{_ANY_VERB}|string)\s+({_GREETINGS})\b(?=\s+\w|(?<!please)[?.]?$)", re.I)
_MIDWAY = re.compile(r"(?<!\boh)(?<!\bso)(?<=[a-z]) (hi|hello|hey|ok|okay)\b", re.I)
_NAMED = re.compile(r"(\w+) (?:keyword|statement)s?\b", re.I)
_NAMING = re.compile(
    r"\b(?:(?<!the )(?<!a )(?:name|call|title|label|alias)|named|called|titled|label+ed|aliased|tagged)\s+"
    r"((?:(?!(?:in|on|at|for|with|from|of|by|to|and|or|as|using)\b)[\w-]+ ?)+)",
    re.I,
)
_GIVEN = re.compile(r"\b(?:set|rename|change)\b.* (?:to|as) ([\w-]+)[.?!]*$", re.I)
_THE_NAMED = re.compile(rf"\bthe (?:{'|'.join(sorted(lexicon.NAMED_THINGS))}) ([\w-]+)", re.I)
_NO_NAMES = (
    lexicon.SILENT
    | lexicon.AUXILIARIES
    | lexicon.LIGHT.keys()
    | lexicon.MARKERS.keys()
    | {"name", "names", "and", "or"}
)
_EACH_OTHER = re.compile(r"^(?:do|did) (i|we|you) \w+ (?:me|us|you)\b", re.I)


def material(text: str) -> tuple[str, ...]:
    """What must be the same as it is written, each as it is written. `text` is normal."""
    text = text.strip()
    _first, _, rest = text.partition("\n")
    lines = tuple(each.rstrip() for each in rest.rstrip(" \n.?!").split("\n")) if rest.strip() else ()
    command = (text,) if _COMMAND.match(text) and not _is_prose(text) else ()
    # What is quoted is compared by a rule of its own, and tells itself from what is said about it.
    quoted = any(found.lastgroup in ("quoted", "code") for found in FORMS.finditer(text))
    words = () if quoted else _words_as_words(text)
    who = (*_YOURS.findall(text.lower()), *_EACH_OTHER.findall(text.lower()))
    return (*words, *lines, *command, *_code(text), *_BIT.findall(text), *who)


def _words_as_words(text: str) -> tuple[str, ...]:
    told = _POLITE.sub("", text[_begin(text) :]).strip()
    meant = [word for word, verb in _MEANT.findall(text) if verb[0] in "sS" or word.lower() in lexicon.PHRASES]
    named = [word.lower() for word in _NAMED.findall(text)]
    found = [word.strip() for form in (_NAMING, _GIVEN, _THE_NAMED) for word in form.findall(text)]
    names = [word for word in found if word.lower() not in _NO_NAMES]
    return (*([_spaced(told)] if told else []), *meant, *names, *named, *_GREETED.findall(text), *_MIDWAY.findall(text))


def _spaced(told: str) -> str:
    """The words with one space between each two, unless it is code, where spaces may count."""
    return told if _code(told) else re.sub(" +", " ", told)


def _begin(text: str) -> int:
    """Where the words that are talked about begin; the end of the text if there are none."""
    begins = [found.end() for found in (_ABOUT_WORDS.search(text),) if found]
    colon = _COLON.search(text)
    if colon and _VERB.search(text, 0, colon.start()):
        begins.append(colon.end())
    return min(begins, default=len(text))


def _is_prose(text: str) -> bool:
    return bool({"the", "in", "my", "with", "how", "from", "what", "is", "all"} & set(text.lower().split()))


def _code(text: str) -> tuple[str, ...]:
    """From the first word that looks like code to the last, and what stands beside a lone sign."""
    chunks = text.split()
    last = len(chunks) - 1
    found = [at for at, chunk in enumerate(chunks) if _is_code(chunk, ends=at == last)]
    if not found:
        return ()
    first, end = found[0], found[-1]
    if chunks[first] in ("?", "=", ":", "{"):
        first = max(0, first - 1)
    if chunks[-1][-1] in ":;":
        end = last
    span = chunks[first : end + 1]
    return (*span[:-1], span[-1].rstrip("?.,") or span[-1])


def _is_code(chunk: str, *, ends: bool) -> bool:
    if not any(letter.isalnum() for letter in chunk):
        return not ends and chunk not in ("-", "\u2013", "\u2014", "&", "+", "!") and chunk.isascii()
    bare = chunk.rstrip("?.,;:!\"'") if ends else chunk.rstrip(".,;:\"'")
    if bare.endswith(("?", "!")) and bare[:-1].isalpha() and len(bare) > 2:
        bare = bare[:-1]  # one sentence ends, another follows
    if _CODE.search(bare.removesuffix("()")):
        return True
    return "(" in bare[1:].removesuffix("()") and "(s)" not in bare
