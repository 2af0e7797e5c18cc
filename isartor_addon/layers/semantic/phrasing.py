"""A text's language, and its items with one phrase for all that say the same; and the text as it is embedded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.forms import CJK, Item, Token, Word, normal, scan
from isartor_addon.layers.semantic.grammar import ASKED
from isartor_addon.layers.semantic.signs import bare
from isartor_addon.layers.semantic.words import SPOKEN, corrected, stem

SAID = {
    f"<{kind}>": said for kind, said in (("how", "how to"), ("what", "what is"), ("can", "can i"), ("must", "must i"))
} | {
    f"<{kind}>": kind.replace("-", " ")
    for kind in "why when where who how-many how-much how-long how-often should".split()
}
"""How a kind of question is written for the embedder."""

ENGLISH = lexicon.SILENT | lexicon.AUXILIARIES | ASKED | frozenset("what to of in with for and not".split())


def tongue_of(words: Iterable[str]) -> str:
    """The language that most of the small words belong to; English when none says otherwise."""
    words = set(words)
    scores = {name: len(words & tongue.marks) for name, tongue in lexicon.TONGUES.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > len(words & ENGLISH) else "en"


def rephrased(items: list[Item], table: lexicon.Phrases) -> list[Item]:
    """The items, with each phrase of the table replaced by what it is read as."""
    read: list[Item] = []
    at = 0
    while at < len(items):
        item = items[at]
        for words, put in table.get(item.text, ()) if isinstance(item, Word) else ():
            if _says(items, at, words):
                read += [Word(word) for word in put]
                at += len(words)
                break
        else:
            read.append(item)
            at += 1
    return read


def _says(items: list[Item], at: int, words: lexicon.Words) -> bool:
    if at + len(words) > len(items):
        return False
    for ahead, word in enumerate(words):
        item = items[at + ahead]
        if not isinstance(item, Word) or item.text != word:
            return False
    return True


def items_of(text: str) -> tuple[str, list[Item]]:
    """The text's language, and its items with all phrases replaced."""
    items = list(scan(normal(text)))
    tongue = tongue_of(item.text for item in items if isinstance(item, Word))
    table = lexicon.PHRASES if tongue == "en" else lexicon.TONGUES[tongue].phrases
    return tongue, rephrased(items, table)


def embeddable(text: str) -> str:
    """
    The text as it is to be embedded: without greetings and politeness, and in the words that stand for their synonyms.

    So two texts that the guard takes for one are near to each other, and what the tables do not know is left to the
    embedder. Empty only if `text` is.
    """
    if CJK.search(text):
        return bare(text) or text.strip()
    tongue, items = items_of(text)
    return " ".join(filter(None, _spoken(items, tongue))) or text.strip()


def _spoken(items: list[Item], tongue: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, Token):
            yield item.plain
        elif item and item.text.startswith("<"):
            yield SAID.get(item.text, "")
        elif item:
            yield SPOKEN.get(stem(corrected(item.text)), item.text) if tongue == "en" else item.text
