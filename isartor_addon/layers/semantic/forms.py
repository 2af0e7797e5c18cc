"""What of a text has a form of its own (code, quotes, links, paths, names, numbers). The rest are words and pauses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from isartor_addon.layers.semantic import lexicon

type Kind = Literal[
    "code", "quoted", "url", "path", "filename", "identifier", "number", "unit", "sign", "negation", "entity", "word"
]


@dataclass(frozen=True, slots=True)
class Token:
    """One thing that must agree."""

    kind: Kind
    value: str
    """Reduced: what is compared."""
    plain: str
    """As it was written; words in small letters."""
    definite: bool = False
    """Whether it follows "the", "this" or "my": then one is not many."""

    @property
    def plural(self) -> bool:
        """Whether it is a word with the ending of many."""
        return self.plain.endswith("s") and not self.plain.endswith(("ss", "us", "is"))


@dataclass(frozen=True, slots=True)
class Word:
    """A word before it is judged."""

    text: str
    """In small letters."""
    capital: bool = False
    name: bool = False
    """Whether its first letter is its only capital."""


type Item = Word | Token | None
"""What a text is read into first; nothing stands for a pause."""

FORMS = re.compile(
    r"""
    (?P<code>```.*?```|`[^`\n]+`)
  | (?P<quoted>"[^"\n]{1,400}"|«[^»\n]+»|„[^“”\n]+[“”]|“[^”\n]+”|「[^」\n]+」|『[^』\n]+』
      |(?<![\w])'[^'\n]{1,400}'(?!\w))
  | (?P<url>\w+://[^\s<>"')\]]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+(?::[\w./-]+)?|www\.[\w.-]+\w
      |\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|dev|edu|gov|app|co|eu|uk|de|fr|es)\b(?:/[\w./-]*)?)
  | (?P<path>[A-Za-z]:\\[^\s"']*|(?<![\w/])(?:~|\.{1,2})?/[\w.@*-]+(?:/[\w.@*-]*)*
      |\b[\w.@-]+(?:/[\w.@*-]+)+/?)
  | (?P<flag>(?<![\w-])--?[A-Za-z][\w-]*(?:=\S+)?)
  | (?P<dotted>(?<![\w.])\.[A-Za-z]\w*|\b[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+(?:\(\))?)
  | (?P<call>\b[A-Za-z_]\w*\(\)|[@\#$][A-Za-z0-9_]\w*|\b\w+_\w*|\b_\w+)
  | (?P<number>(?<![\w.])[-+±]?\d+(?:[.,:/-]\d+)*(?!(?:st|nd|rd|th)\b)(?![A-Za-z_]*\d))
  | (?P<mixed>\b(?=\w*\d)(?=\w*[^\W\d_])\w+(?:[.-]\d\w*)*(?:\.\d+)*)
  | (?P<sharp>\b[CcFf](?:\+\+|\#))
  | (?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)
  | (?P<sign>°[CF]|==+|!=+|<=|>=|&&|\|\||\*\*|\+\+|\.{2,3}(?=\w)|[%$€£¥<>=*/+|&^~\\])
  | (?P<bracket>(?<=[\d*/+^])[()\[\]]|[()\[\]](?=[\d*/+^]))
  | (?P<hyphen>(?<=\w)-(?=\w))
  | (?P<stop>[.,;:?!()\[\]{}\u2014\u2013¿¡…-]+|['"])
  | (?P<other>[^\w\s])
    """,
    re.VERBOSE | re.DOTALL,
)

CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201b": "'", "\u2032": "'", "\u00b4": "'", "\u00a0": " "})
ENDS = {"'ll": " will", "'re": " are", "'ve": " have", "'m": " am", "'d": " would", "n't": " not"}
ASKERS = frozenset("what how where who when why that there it he she which here".split())
"""After these, `'s` is a verb; after others it says whose."""
FRAMEWORKS = {"node": "node", "next": "nextjs", "vue": "vue", "react": "react", "express": "express", "nuxt": "nuxt"}
"""Named like a file: `Node.js`."""


def normal(text: str) -> str:
    """The text with one form for each sign (NFC, straight apostrophes)."""
    return unicodedata.normalize("NFC", text).translate(QUOTES)


def is_cased(text: str) -> bool:
    """Whether capitals mean something in it: it begins with one, and not all its words do."""
    words = [word for word in text.split() if word[0].isalpha()]
    return bool(words) and words[0][0].isupper() and not all(word[0].isupper() for word in words)


def scan(text: str) -> Iterator[Item]:
    """The words of a normal text, what has a form of its own, and its pauses, in order."""
    shouted = text.isupper()
    for found in FORMS.finditer(text):
        form, raw = str(found.lastgroup), found.group()
        if form == "word":
            yield from _words(raw if not shouted else raw.lower())
        elif form == "stop":
            yield None
        elif form in READ:
            yield READ[form](raw)


def _words(raw: str) -> Iterator[Item]:
    if raw == "US":
        yield Word("usa", capital=True)
    elif raw in lexicon.LITERAL or (re.search("[a-z][A-Z]", raw) and raw.lower() not in lexicon.BRANDS):
        yield Token("identifier", raw, raw)
    else:
        for word in _written_out(raw.lower()).split():
            yield Word(lexicon.CORRECTED.get(word, word), capital=raw[0].isupper(), name=raw.istitle())


def _written_out(word: str) -> str:
    if word in lexicon.CONTRACTIONS:
        return str(lexicon.CONTRACTIONS[word])
    if "'" not in word:
        return word
    for end, rest in ENDS.items():
        if word.endswith(end):
            return word.removesuffix(end) + rest
    base, _, end = word.rpartition("'")
    if end == "s":
        return f"{base} is" if base in ASKERS else base
    return word.replace("'", " ")


def _dotted(raw: str) -> Item:
    name, _, last = raw.rpartition(".")
    if last.lower() == "js" and name.lower() in FRAMEWORKS:
        return Word(FRAMEWORKS[name.lower()], capital=True)
    if raw.lower() in ("e.g", "i.e"):
        return Word("such")
    if not name or last.lower() in lexicon.EXTENSIONS:
        return Token("filename", raw, raw)
    return _name(raw)


def _mixed(raw: str) -> Item:
    low = raw.lower()
    if low in lexicon.ORDINALS:
        return Token("number", lexicon.ORDINALS[low], low)
    if re.fullmatch(r"v\d+(?:\.\d+)*", low):
        return Token("number", low[1:], low)
    return Word(low) if low in ("k8s", "2fa") else Token("identifier", low, raw)


def _number(raw: str) -> Item:
    value = raw.replace(",", "") if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", raw) else raw
    return Token("number", value.removeprefix("+"), raw)


def _name(raw: str) -> Item:
    return Token("identifier", raw.removesuffix("()"), raw)


def _sign(raw: str) -> Item:
    unit = lexicon.UNITS.get(raw.lower())
    return Token("unit", unit, raw) if unit else Token("sign", raw, raw)


READ: dict[str, Callable[[str], Item]] = {
    "code": lambda raw: Token("code", raw.strip("`").strip(), raw),
    "quoted": lambda raw: Token("quoted", raw[1:-1].strip(), raw),
    "url": lambda raw: Token("url", raw.rstrip(".,;:!?"), raw),
    "path": lambda raw: Token("path", raw.rstrip(".,;:!?"), raw),
    "flag": _name,
    "dotted": _dotted,
    "call": _name,
    "number": _number,
    "mixed": _mixed,
    "sharp": lambda raw: Word(raw.lower()),
    "sign": _sign,
    "bracket": _sign,
    "other": _sign,
}
"""How each form is read."""
