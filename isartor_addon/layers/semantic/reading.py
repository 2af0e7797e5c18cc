"""How the guard reads one text: into what must agree, each with its kind, and what says nothing.

What has a form of its own is taken out first and stays as it is (`forms.py`). The rest are words: phrases of one
meaning become one (`lexicon.toml`), what says nothing is left out, and the others are reduced to their stem and to
the one word that stands for all that say the same (`words.py`). Words that tie parts together divide the text, so
that "from A to B" is not "from B to A".

Pure and deterministic; some hundred microseconds a text.
"""

from __future__ import annotations

from dataclasses import replace

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.around import Around
from isartor_addon.layers.semantic.features import Features
from isartor_addon.layers.semantic.forms import CJK, Item, Token, Word, is_cased, normal
from isartor_addon.layers.semantic.grammar import (
    ABLE,
    ACUTE,
    ASKED,
    BOUNDS,
    CERTAIN,
    DEFINITE,
    PERSONS,
    PURPOSE,
    SUBJECTS,
    TIES,
    WRITE,
    WRITTEN,
)
from isartor_addon.layers.semantic.material import material
from isartor_addon.layers.semantic.parts import Parts
from isartor_addon.layers.semantic.phrasing import items_of
from isartor_addon.layers.semantic.senses import opening, sense
from isartor_addon.layers.semantic.signs import signs
from isartor_addon.layers.semantic.words import (
    PRODUCING,
    SYMMETRIC,
    TOPICS,
    VERBS,
    corrected,
    one_for_all,
    says_how,
    stem,
    stems,
)


class Reader:
    """Builds the features of one text, item by item."""

    def __init__(self, tongue: str, items: list[Item]) -> None:
        self.tongue = tongue
        self.english = tongue == "en"
        self.items = items
        self.around = Around(items)
        self.silent = lexicon.SILENT if self.english else lexicon.TONGUES[tongue].silent
        self.asks: set[str] = set()
        self.tense: set[str] = set()
        self.people: list[str] = []
        self.conditions: list[str] = []
        self.tokens: list[Token] = []
        self.parts = Parts()
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
            tuple(self.parts.tied(self.asks)),
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
        elif word == "<i>":
            self.people.append("i")
            self.subject = True
        elif word.startswith("<"):
            self._ask(word[1:-1])
        elif figure := self.around.figure(at, english=self.english):
            self._keep(figure)
        elif word in lexicon.NEGATIONS:
            self._negate(at, word)
        elif self.english and (self._asked(at, word) or self._tie(at, word) or self._unsaid(at, word)):
            return
        elif word not in self.silent:
            self._content(at, item)

    def _request(self, at: int) -> None:
        """Take it for a request if a verb follows; else it asks whether one can."""
        following = self.around.text(at + 1)
        if not following.startswith("<") and following not in ASKED and one_for_all(following) not in VERBS:
            self.people.append("you")
            self._ask("can")

    def _negate(self, at: int, word: str) -> None:
        """Not, and what is not: why it does not start is not why it cannot."""
        value = word if word != "not" or not self.modal else f"{self.modal} not"
        before, after = self.around.text(at - 1), self.around.text(at + 1)
        bound = "to" in (before, after) or stem(after) in BOUNDS or self.subject or word != "not"
        if self.asks and self.parts.first and not bound and not BOUNDS & set(self.parts.words):
            self.parts.words.insert(0, value)  # why does it not start, why doesn't it start
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

    def _asked(self, at: int, word: str) -> bool:
        """The kind of question, and the time it is about."""
        if word in lexicon.TENSES:
            self.tense.add(lexicon.TENSES[word].strip("<>"))
        if word in lexicon.AUXILIARIES:
            self.modal = ABLE.get(word, "")
            if self.fresh and self.around.text(at + 1):
                self._ask(lexicon.MODALS.get(word, "<yes>").strip("<>"))
                self.tense.update({"perfect"} if word in ("has", "have") else ())
            elif word in CERTAIN or (word == "can" and "what" in self.asks):
                self._keep(Token("word", word, word))
            elif word in ("do", "does") and "what" in self.asks and self.around.is_last(at):
                self._keep(Token("word", PURPOSE, word))  # "What does it do?"
            return True
        if word in ASKED and (self.fresh or (not self.asks and word in ("how", "why", "where"))):
            self._ask(
                {"which": "what", "how": "degree" if self.fresh and not self.around.ends(at) else "how"}.get(word, word)
            )
            return True
        return word in ("who", "which")

    def _tie(self, at: int, word: str) -> bool:
        """What ties the next part to the rest."""
        following = self.around.text(at + 1)
        if one_for_all(following) in VERBS and (word == "to" or (word == "for" and following.endswith("ing"))):
            self.definite = self.ordering = False
            if self.parts.first and self.parts.tie in ("~", "with"):
                self._part("")  # "use Jest to test it" is "test it with Jest"
        elif word in TIES and (self.around.ends(at) or (word == "for" and following in TIES)):
            liked = word == "like" and self.does
            value = PURPOSE if word == "for" and "what" in self.asks else "likes" if liked else word
            self._keep(Token("word", value, word))
        elif word in lexicon.LIGHT:
            self._part(self.around.light(at, word))
        elif word in lexicon.MARKERS:
            marker = lexicon.MARKERS[word]
            self._part(marker)
            if marker in lexicon.CONDITIONS:
                self.conditions.append(marker)
        else:
            return False
        return True

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
        if word == "a" and self.around.is_letter(at, fresh=self.fresh):
            self._keep(Token("identifier", "A" if self.around.is_capital(at) else "a", word))
            return True
        means = word == "mean" and "what" in self.asks and self.around.is_last(at)
        return word in PERSONS or word in self.silent or word == "one" or means

    def _content(self, at: int, item: Word) -> None:
        word = item.text
        if self.english:
            word = word if item.capital else corrected(word)
            value = sense(self.items, at, word)
            if not self.tokens and self.asks <= {"how"} and not self.around.belongs(at):
                value = opening(self.items, at, word, value)
            elif self.tokens and self.tokens[0].value == WRITE and value in WRITTEN:
                value = WRITTEN[value]
        else:
            value = word.translate(ACUTE) if self.tongue == "es" else word
        if not self.tokens and word.endswith("ed") and self.asks & {"what", "who"}:
            self.tense.add("past")
        if not value:
            return
        self._order(value)
        within = not self.fresh and value not in TOPICS
        if within and word not in lexicon.BRANDS | lexicon.TIMES:
            (self.capitals if item.name else self.small).add(value)
        self._keep(Token("entity" if within and item.capital else "word", value, word, self.definite))

    def _order(self, value: str) -> None:
        """Whether an order begins with the word, and whether it is what the order is about."""
        if self.ordering:
            self.objects.add(value)
        begins = value in VERBS and not self.tokens
        self.ordering = self.parts.first and not self.asks and (self.ordering or begins)

    def _ask(self, kind: str) -> None:
        self.asks.add(kind)
        self.subject = self.subject or kind == "how"
        self.fresh = False

    def _keep(self, token: Token) -> None:
        self.tokens.append(token)
        self.parts.add(token)
        self.fresh = False

    def _part(self, tie: str) -> None:
        self.definite = False
        self.parts.begin(tie)

    def _wants(self) -> str:
        if self.tells:
            return "says"
        kept = (token for token in self.tokens if token.kind != "negation" and not says_how(token.value))
        opens = next(kept, None)
        return "do" if opens and opens.kind == "word" and opens.value in VERBS else "topic"


def features(text: str) -> Features:
    """
    What the guard compares of `text`.

    Cheap to keep, and to be kept with an entry: reading costs more than comparing.
    """
    if CJK.search(text):
        return signs(text)
    found = replace(Reader(*items_of(text)).features(), material=material(normal(text)))
    return found if is_cased(text) else replace(found, capitals=frozenset(), small=frozenset())
