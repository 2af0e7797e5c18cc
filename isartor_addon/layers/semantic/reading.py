"""How the guard reads one text: into what must agree, each with its kind, and what says nothing.

What has a form of its own is taken out first and stays as it is (`forms.py`). The rest are words: phrases of one
meaning become one (`lexicon.toml`), what says nothing is left out, and the others are reduced to their stem and to
the one word that stands for all that say the same (`words.py`). Words that tie parts together divide the text, so
that "from A to B" is not "from B to A".

Pure and deterministic; some hundred microseconds a text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.forms import CJK, Item, Token, Word, normal, scan
from isartor_addon.layers.semantic.material import material
from isartor_addon.layers.semantic.senses import sense
from isartor_addon.layers.semantic.words import (
    PRODUCING,
    PUTTING,
    QUANTIFIERS,
    SPOKEN,
    SYMMETRIC,
    TAKING,
    TOPICS,
    VERBS,
    corrected,
    one_for_all,
    says_how,
    stem,
    stems,
)

SAID = {
    f"<{kind}>": said for kind, said in (("how", "how to"), ("what", "what is"), ("can", "can i"), ("must", "must i"))
} | {
    f"<{kind}>": kind.replace("-", " ")
    for kind in "why when where who how-many how-much how-long how-often should".split()
}
"""How a kind of question is written for the embedder."""

PAUSES = frozenset("\u3002\u3001\uff0c,.\uff1f?\uff01!\uff1b;\uff1a:\u2026~\uff5e\u30fb")
"""Signs that say nothing in a text in Chinese, Japanese or Korean."""

type Part = tuple[str, tuple[str, ...]]
"""What ties a part of a text to the rest (`to`, `before`, nothing), and its words."""


@dataclass(frozen=True, slots=True)
class Features:
    """One text as the guard compares it."""

    tongue: str
    """Its language, or its script where that says enough (`cjk`)."""
    asks: frozenset[str]
    """The kinds of question: `how`, `why`, ... ; `do` for a request, `topic` for neither."""
    tense: frozenset[str]
    people: tuple[str, ...]
    """Who is spoken of by a word like "I", in order."""
    conditions: tuple[str, ...]
    tokens: tuple[Token, ...]
    parts: tuple[Part, ...]
    symmetric: bool
    """Whether it asks about two things alike: their difference, their distance."""
    bags: dict[str, tuple[str, ...]] = field(compare=False)
    """Kind to its values, sorted."""
    material: tuple[str, ...] = ()
    """What is compared as it is written."""
    objects: frozenset[str] = frozenset()
    """What an order wants to have, or to be done something with: there one is not many."""
    capitals: frozenset[str] = frozenset()
    """Words with a capital inside a clause; nothing where that says nothing."""
    small: frozenset[str] = frozenset()
    """Those without one."""


DEFINITE = frozenset("the this these my our your its".split())
JOINS = frozenset({"and", "or"})
BEFORE_NOUNS = frozenset("a an the my our your".split())
PERSONS = (
    dict.fromkeys("i me my mine we us our".split(), "i")
    | dict.fromkeys("you your".split(), "you")
    | {word: word[:2] for word in "he his him she her they their them".split()}
)
SUBJECTS = frozenset("i we you he she they".split())
ASKED = frozenset("how why where when who which".split())
TIES = lexicon.LIGHT.keys() | lexicon.MARKERS.keys()
TREATISES = frozenset(map(stem, lexicon.TREATISES))
WRITE, PURPOSE = stem("write"), stem("purpose")
WRITTEN = {stem("return"): stem("get"), stem("implementation"): ""}
"""In what is to be written, to return is to get, and an implementation is the thing itself."""
ABLE = {"can": "can", "could": "can", "would": "would"}
"""Modals that matter where they are denied."""
BOUNDS = QUANTIFIERS | frozenset({"and", "or", "but"}) | lexicon.NEGATIONS
"""What a negation may not be moved over."""
CERTAIN = frozenset("must should may might would".split())
"""Modals that matter also where no question begins."""
ENGLISH = lexicon.SILENT | lexicon.AUXILIARIES | ASKED | frozenset("what to of in with for and not".split())
ACUTE = str.maketrans("áéíóúü", "aeiouu")


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


class Reader:
    """Builds the features of one text, item by item."""

    def __init__(self, tongue: str, items: list[Item]) -> None:
        self.tongue = tongue
        self.english = tongue == "en"
        self.items = items
        self.silent = lexicon.SILENT if self.english else lexicon.TONGUES[tongue].silent
        self.asks: set[str] = set()
        self.tense: set[str] = set()
        self.people: list[str] = []
        self.conditions: list[str] = []
        self.tokens: list[Token] = []
        self.parts: list[tuple[str, list[str]]] = [("", [])]
        self.participles: set[str] = set()
        self.objects: set[str] = set()
        self.ordering = False
        """Whether what is read now is what an order wants to have, or to be done something with."""
        self.capitals: set[str] = set()
        self.small: set[str] = set()
        self.tells = False
        """Whether a clause begins with who does it: then it tells something."""
        self.modal = ""
        """The last auxiliary, if it says what one can or would do."""
        self.does = False
        """Whether it is asked what somebody does, not what somebody is."""
        self.subject = False
        """Whether it has been said who does it, by a word like "I"."""
        self.treats = any(isinstance(item, Word) and stem(item.text) in TREATISES for item in items)
        """Whether it is about something that has a subject of its own: a book on Python, in Python."""
        self.definite = False
        self.fresh = True
        """Whether nothing of this clause has been read yet."""

    def features(self) -> Features:
        """What has been read, when all has been."""
        for at, item in enumerate(self.items):
            if item is None:
                self._part("")
                self.fresh, self.subject, self.modal = True, False, ""
            elif isinstance(item, Token):
                self._keep(item)
            else:
                self._word(at, item)
        if not self.asks:
            self.asks.add(self._wants())
        bags: dict[str, tuple[str, ...]] = {}
        for token in self.tokens:
            bags[token.kind] = (*bags.get(token.kind, ()), token.value)
        return Features(
            self.tongue,
            frozenset(self.asks),
            frozenset(self.tense),
            tuple(dict.fromkeys(self.people)),
            tuple(sorted(self.conditions)),
            tuple(self.tokens),
            tuple(self._tied()),
            any(token.value in SYMMETRIC for token in self.tokens),
            bags,
            objects=frozenset(self.objects),
            capitals=frozenset(self.capitals),
            small=frozenset(self.small),
        )

    def _word(self, at: int, item: Word) -> None:
        word = item.text
        if word == "<request>":
            self._request(at)
        elif word == "<want>":
            self._want()
        elif word == "<does>":
            self.does = True
        elif word.startswith("<"):
            self._ask(word[1:-1])
        elif self._counted(at, word):
            return
        elif word in lexicon.NEGATIONS:
            self._negate(at, word)
        elif self.english and (self._asked(at, word) or self._tie(at, word) or self._unsaid(at, word)):
            return
        elif word not in self.silent:
            self._content(at, item)

    def _request(self, at: int) -> None:
        """Take it for a request if a verb follows; else it asks whether one can."""
        following = self._text(at + 1)
        if not following.startswith("<") and following not in ASKED and one_for_all(following) not in VERBS:
            self.people.append("you")
            self._ask("can")

    def _negate(self, at: int, word: str) -> None:
        """Not, and what is not: why it does not start is not why it cannot."""
        value = word if word != "not" or not self.modal else f"{self.modal} not"
        words = self.parts[-1][1]
        bound = "to" in (self._text(at - 1), self._text(at + 1)) or self.subject or word != "not"
        if self.asks and len(self.parts) == 1 and not bound and not BOUNDS & set(words):
            words.insert(0, value)  # why does it not start, why doesn't it start
            self.tokens.append(Token("negation", value, word))
            self.fresh = False
        else:
            self._keep(Token("negation", value, word))

    def _want(self) -> None:
        """Take it for a question how; only in some field, or with what is one's own, it surely is one."""
        words = {item.text for item in self.items if isinstance(item, Word)}
        self._ask("how")
        if "my" not in words and not TOPICS & stems(frozenset(words)):
            self._keep(Token("word", "want", "want"))

    def _counted(self, at: int, word: str) -> bool:
        """Numbers in words, and what they count."""
        before = self.items[at - 1] if at else None
        if word in lexicon.UNITS and isinstance(before, Token) and before.kind == "number":
            self._keep(Token("unit", lexicon.UNITS[word], word))
        elif not self.english:
            return False
        elif word in lexicon.NUMBERS:
            if word != "one" or self._text(at - 1) not in (
                "which",
                "this",
                "that",
                "the",
                "any",
                "no",
                "every",
                "<what>",
            ):
                self._keep(Token("number", lexicon.NUMBERS[word], word))
        elif word in lexicon.ORDINALS:
            self._keep(Token("number", lexicon.ORDINALS[word], word))
        else:
            return False
        return True

    def _asked(self, at: int, word: str) -> bool:
        """The kind of question, and the time it is about."""
        if word in lexicon.TENSES:
            self.tense.add(lexicon.TENSES[word].strip("<>"))
        if word in lexicon.AUXILIARIES:
            self.modal = ABLE.get(word, "")
        if word in lexicon.AUXILIARIES:
            if self.fresh and self._text(at + 1):
                self._ask(lexicon.MODALS.get(word, "<yes>").strip("<>"))
                self.tense.update({"perfect"} if word in ("has", "have") else ())
            elif word in CERTAIN or (word == "can" and "what" in self.asks):
                self._keep(Token("word", word, word))
            elif word in ("do", "does") and "what" in self.asks and (self._ends(at) or self._text(at + 1) in TIES):
                self._keep(Token("word", PURPOSE, word))  # "What does it do?"
            return True
        if word in ASKED and (self.fresh or (not self.asks and word in ("how", "why", "where"))):
            self._ask(
                {"which": "what", "how": "degree" if self.fresh and not self._ends(at) else "how"}.get(word, word)
            )
            return True
        return word in ("who", "which")

    def _tie(self, at: int, word: str) -> bool:
        """What ties the next part to the rest."""
        following = self._text(at + 1)
        if one_for_all(following) in VERBS and (word == "to" or (word == "for" and following.endswith("ing"))):
            self.definite = self.ordering = False
            if len(self.parts) == 1 and self.parts[0][0] in ("~", "with"):
                self._part("")  # "use Jest to test it" is "test it with Jest"
        elif word in TIES and (self._ends(at) or (word == "for" and following in TIES)):
            liked = word == "like" and self.does
            value = PURPOSE if word == "for" and "what" in self.asks else "likes" if liked else word
            self._keep(Token("word", value, word))
        elif word in lexicon.LIGHT:
            self._part(self._light(at, word))
        elif word in lexicon.MARKERS:
            marker = lexicon.MARKERS[word]
            self._part(marker)
            if marker in lexicon.CONDITIONS:
                self.conditions.append(marker)
        else:
            return False
        return True

    def _light(self, at: int, word: str) -> str:
        """What a tie that may change its place says."""
        tie = lexicon.LIGHT[word]
        if self._counts(at + 1):
            return word
        sets_scene = one_for_all(self._text(at + 1)) in TOPICS and tie not in ("of", "by", "for", "about")
        return "~" if sets_scene and not self.treats else tie

    def _counts(self, at: int) -> bool:
        """Whether a number or a time comes next, an article aside."""
        item = self.items[at] if at < len(self.items) else None
        if isinstance(item, Word) and item.text in ("a", "an", "the", "every", "next", "last"):
            return self._counts(at + 1)
        number = isinstance(item, Token) and item.kind == "number"
        return number or (isinstance(item, Word) and (item.text in lexicon.TIMES or item.text in lexicon.NUMBERS))

    def _unsaid(self, at: int, word: str) -> bool:
        """What is no content."""
        if word in PERSONS:
            self.people.append(PERSONS[word])
            self.subject = self.subject or word in SUBJECTS
            self.tells = self.tells or (self.fresh and word in SUBJECTS)
        self.definite = self.definite or word in DEFINITE
        self.ordering = self.ordering and word not in ("that", "which")
        if word == "some" and self.tokens and self.tokens[0].value in PRODUCING:
            return True
        if word == "just" and not self.asks & {"can", "yes", "should", "must"}:
            return True
        if word == "this":
            self._keep(Token("word", word, word))
            return True
        if word == "a" and self._is_name(at):
            self._keep(Token("identifier", "A" if self._is_capital(at) else "a", word))
            return True
        means = word == "mean" and "what" in self.asks and (self._ends(at) or self._text(at + 1) in TIES)
        return word in PERSONS or word in self.silent or means

    def _is_name(self, at: int) -> bool:
        """Whether "a" is no article."""
        if self._is_capital(at):
            return not self.fresh
        following = self._text(at + 1)
        return (
            self._ends(at) or following in JOINS or following in lexicon.AUXILIARIES or following in lexicon.NEGATIONS
        )

    def _is_capital(self, at: int) -> bool:
        item = self.items[at]
        return isinstance(item, Word) and item.capital

    def _content(self, at: int, item: Word) -> None:
        word = item.text
        if self.english:
            word = word if item.capital else corrected(word)
            value = sense(self.items, at, word)
            if not self.tokens:
                value = self._opening(at, word, value)
            elif self.tokens[0].value == WRITE and value in WRITTEN:
                value = WRITTEN[value]
        else:
            value = word.translate(ACUTE) if self.tongue == "es" else word
        if not self.tokens and word.endswith("ed") and self.asks & {"what", "who"}:
            self.tense.add("past")
        if not value:
            return
        named = item.capital and not self.fresh and value not in TOPICS
        if not self.fresh and value not in TOPICS and word not in lexicon.BRANDS | lexicon.TIMES:
            (self.capitals if item.name else self.small).add(value)
        if self.ordering and self.tokens:
            self.objects.add(value)
        self.ordering = len(self.parts) == 1 and not self.asks and (self.ordering or value in VERBS and not self.tokens)
        self._keep(Token("entity" if named else "word", value, word, self.definite))

    def _opening(self, at: int, word: str, value: str) -> str:
        """What the first verb of a request says: to create a script is to write it, to list is to show."""
        if not self.asks <= {"how"} or self._text(at - 1) in BEFORE_NOUNS:
            return value
        following = {stem(self._text(then)) for then in range(at + 1, at + 6)}
        for verb, words, things in lexicon.MAKING:
            if word in words and (not things or following & {stem(thing) for thing in things}):
                return stem(verb)
        return value

    def _ask(self, kind: str) -> None:
        self.asks.add(kind)
        self.subject = self.subject or kind == "how"
        self.fresh = False

    def _keep(self, token: Token) -> None:
        self.tokens.append(token)
        words = self.parts[-1][1]
        if token.kind in ("negation", "word", "entity"):
            words.append(token.value)
        else:
            words.append(f"{token.kind}:{token.value}")
        if token.plain.endswith("ed") or token.plain in lexicon.IRREGULAR:
            self.participles.add(token.value)
        self.fresh = False

    def _part(self, marker: str) -> None:
        self.definite = False
        if self.parts[-1][1]:
            self.parts.append((marker, []))
        elif marker:
            self.parts[-1] = (marker, self.parts[-1][1])

    def _text(self, at: int) -> str:
        item = self.items[at] if 0 <= at < len(self.items) else None
        return item.text if isinstance(item, Word) else ""

    def _ends(self, at: int) -> bool:
        """Whether a clause ends after this item."""
        return at + 1 >= len(self.items) or self.items[at + 1] is None

    def _wants(self) -> str:
        if self.tells:
            return "says"
        kept = (token for token in self.tokens if token.kind != "negation" and not says_how(token.value))
        opens = next(kept, None)
        return "do" if opens and opens.kind == "word" and opens.value in VERBS else "topic"

    def _tied(self) -> Iterator[Part]:
        parts = [(marker, words) for marker, words in self.parts if words]
        if parts and self.asks & {"how", "why"}:
            _make_active(parts, self.participles)
        verb, ties = (parts[0][1][0], {marker for marker, _ in parts}) if parts else ("", set[str]())
        held = bool(parts) and len(parts[0][1]) > 1
        loose = {"from": "in"} if verb in TAKING and held and "to" not in ties else dict[str, str]()
        loose |= {"to": "on"} if verb in PUTTING and "from" not in ties else {}
        for marker, words in parts:
            tie = "~" if marker in loose and words[0] in TOPICS else loose.get(marker, marker)
            yield tie, tuple(words)


def _make_active(parts: list[tuple[str, list[str]]], participles: set[str]) -> None:
    """`a variable [is] declared` says `declare a variable`; `my process [is] killed by the kernel`, who did it."""
    words = parts[0][1]
    if len(words) > 1 and words[-1] in participles:
        words.insert(0, words.pop())
        if len(parts) > 1 and parts[1][0] == "by":
            words[:0] = parts.pop(1)[1]


def features(text: str) -> Features:
    """
    What the guard compares of `text`.

    Cheap to keep, and to be kept with an entry: reading costs more than comparing.
    """
    if CJK.search(text):
        return _signs(text)
    found = replace(Reader(*items_of(text)).features(), material=material(normal(text)))
    return found if _is_cased(text) else replace(found, capitals=frozenset(), small=frozenset())


def _is_cased(text: str) -> bool:
    """Whether capitals mean something in it: it begins with one, and not all its words do."""
    words = [word for word in text.split() if word[0].isalpha()]
    return bool(words) and words[0][0].isupper() and not all(word[0].isupper() for word in words)


def bare(text: str) -> str:
    """A text in Chinese, Japanese or Korean without spaces, punctuation, and politeness at its ends."""
    text = "".join(sign for sign in normal(text) if unicodedata.category(sign)[0] != "Z" and sign not in PAUSES)
    before = ""
    while before != text:
        before = text
        for wrapper in lexicon.CJK_WRAPPERS:
            if len(text) > len(wrapper):
                text = text.removeprefix(wrapper).removesuffix(wrapper)
    return text


def _signs(text: str) -> Features:
    """There every sign counts, and so does its place: a word is not told from the next one."""
    runs = re.findall(r"[0-9]+(?:[.,:][0-9]+)*|[A-Za-z]+|.", bare(text).lower(), re.DOTALL)
    tokens = tuple(Token("number" if run[0].isdigit() else "sign", run, run) for run in runs)
    values = tuple(token.value for token in tokens)
    nothing: frozenset[str] = frozenset()
    bags = {"sign": values}
    return Features("cjk", nothing, nothing, (), (), tokens, (("", values),), False, bags)


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
