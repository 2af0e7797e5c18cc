"""The small words of English, by what they do in a question. Tables of other words stand in `lexicon.toml`."""

from __future__ import annotations

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.words import QUANTIFIERS, stem

DEFINITE = frozenset("the this these my our your its".split())
"""Before these it is said which one: then one is not many."""
JOINS = frozenset({"and", "or"})
ARTICLES = frozenset("a an the my our your this".split())
"""What makes a thing of a verb: the delete button."""
ONES = frozenset("which this that the any no every <what>".split())
"""After these, "one" is no number."""
PERSONS = (
    dict.fromkeys("i me my mine we us our".split(), "i")
    | dict.fromkeys("you your".split(), "you")
    | {word: word[:2] for word in "he his him she her they their them".split()}
)
"""Words for somebody, to whom that is."""
SUBJECTS = frozenset("i we you he she they".split())
ASKED = frozenset("how why where when who which".split())
TIES = lexicon.LIGHT.keys() | lexicon.MARKERS.keys()
TREATISES = frozenset(map(stem, lexicon.TREATISES))
WRITE, PURPOSE = stem("write"), stem("purpose")
WRITTEN = {stem("return"): stem("get"), stem("implementation"): ""}
"""In what is to be written, to return is to get, and an implementation is the thing itself."""
ABLE = {"can": "can", "could": "can", "would": "would"}
"""Modals that matter where they are denied."""
BOUNDS = QUANTIFIERS | lexicon.NEGATIONS | frozenset(map(stem, "and or but everyone everybody everything".split()))
"""What a negation may not be moved over."""
CERTAIN = frozenset("must should may might would".split())
"""Modals that matter also where no question begins."""
ACUTE = str.maketrans("áéíóúü", "aeiouu")
