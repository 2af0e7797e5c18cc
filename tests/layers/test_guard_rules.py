"""The guard's rules: whatever a text is about, changed in what a rule protects it is another."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.words import OPPOSITES, TOPICS, one_for_all, stem
from tests.layers.guarding import PROFILES, WORDS, different, same

SENSES = [line for line in lexicon.SYNONYMS if line.where]
"""Words that say the same somewhere only."""

FEW = settings(max_examples=40)


@FEW
@given(st.text(max_size=200))
def test_any_text_can_be_read_and_is_itself(text: str) -> None:
    """Nothing a person can type makes the guard fail, and no rule is against a text itself."""
    assert all(same(text, text, profile) for profile in PROFILES)


@FEW
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_another_number_is_refused(one: int, other: int) -> None:
    """Counts, versions and status codes."""
    assume(one != other)
    for text in (
        "Print the first {} lines",
        "Why does it return {}?",
        "What is new in Python 3.{}?",
        "Résume en {} mots",
    ):
        assert different(text.format(one), text.format(other))


@FEW
@given(st.sampled_from(sorted(lexicon.UNITS.items())), st.sampled_from(sorted(lexicon.UNITS.items())))
def test_another_unit_is_refused(one: tuple[str, str], other: tuple[str, str]) -> None:
    """The same number of something else."""
    assume(one[1] != other[1])
    assert different(f"Wait for 5 {one[0]}", f"Wait for 5 {other[0]}")


@FEW
@given(
    st.sampled_from(
        [
            "`{}`",
            '"{}"',
            "/srv/{}/log",
            "./{}",
            "{}.py",
            "https://example.com/{}",
            "{}_id",
            "get_{}()",
            "--{}",
            "#{}",
            "@{}",
        ]
    ),
    WORDS,
    WORDS,
)
def test_another_name_is_refused(form: str, one: str, other: str) -> None:
    """Code, quotes, paths, files, links, identifiers, flags: to the letter, whatever the form."""
    assume(one != other)
    for text in ("What does {} do?", "Delete {} and restart", "Erkläre mir {} bitte"):
        assert different(text.format(form.format(one)), text.format(form.format(other)))


@FEW
@given(WORDS, WORDS)
def test_another_person_place_or_product_is_refused(one: str, other: str) -> None:
    """Names that no table knows."""
    assume(one != other)
    for text in ("Who was {}?", "How do I cancel {}?", "Wo liegt {}?", "¿Dónde está {}?"):
        assert different(text.format(one.capitalize()), text.format(other.capitalize()))


@FEW
@given(st.sampled_from(sorted(TOPICS)), st.sampled_from(sorted(TOPICS)))
def test_another_technology_is_refused(one: str, other: str) -> None:
    """The same task, elsewhere."""
    assume(one != other)
    assert different(f"How do I parse a date in {one}?", f"How do I parse a date in {other}?")


@FEW
@given(WORDS, st.sampled_from(["How do I {} it?", "Why does it {}?", "{} the tests", "Which of them {}?"]))
def test_a_negation_is_refused(verb: str, text: str) -> None:
    """Not, never, without: on one side only."""
    for negated in (f"not {verb}", f"never {verb}"):
        assert different(text.format(verb), text.format(negated))
    assert different(f"Deploy with {verb}", f"Deploy without {verb}")


def test_an_opposite_is_refused() -> None:
    """Every pair of the table."""
    for word, opposites in OPPOSITES.items():
        for opposite in opposites:
            assert different(f"Find the {word} part of it", f"Find the {opposite} part of it")


@FEW
@given(st.sampled_from(sorted(lexicon.QUANTIFIERS - {"any", "some", "multiple"})), WORDS)
def test_another_quantity_is_refused(quantifier: str, noun: str) -> None:
    """All, most, only, none: on one side, or another one."""
    assert different(f"Delete {quantifier} {noun}", f"Delete {noun}")
    if one_for_all(quantifier) != one_for_all("all"):
        assert different(f"Delete {quantifier} {noun}", f"Delete all {noun}")


@FEW
@given(WORDS, WORDS, WORDS)
def test_changed_places_are_refused(verb: str, one: str, other: str) -> None:
    """Who to whom, from where to where, what before what."""
    assume(len({verb, one, other}) == 3)
    for text in (
        "{v} {a} to {b}",
        "{v} {a} before {b}",
        "Is {a} faster than {b}?",
        "Does {a} {v} {b}?",
        "{a}, {v}, {b}",
    ):
        assert different(text.format(v=verb, a=one, b=other), text.format(v=verb, a=other, b=one))
    assert different(f"Get from {one} to {other}", f"Get from {other} to {one}")


@FEW
@given(
    WORDS, st.permutations(["How do I {}?", "Why {}?", "When do I {}?", "Where is {}?", "Who is {}?", "How many {}?"])
)
def test_another_kind_of_question_is_refused(subject: str, kinds: list[str]) -> None:
    """How is not why, when or who."""
    assert different(kinds[0].format(subject), kinds[1].format(subject), "chat", "agent")


@FEW
@given(WORDS, st.permutations(["Who is the {}?", "Who was the {}?", "Who will be the {}?"]))
def test_another_time_is_refused(subject: str, texts: list[str]) -> None:
    """Is, was, will be."""
    assert different(texts[0].format(subject), texts[1].format(subject))


@FEW
@given(WORDS, st.permutations(["my", "your", "his", "her", "their"]))
def test_another_person_s_thing_is_refused(thing: str, whose: list[str]) -> None:
    """Mine is not yours."""
    assert different(f"Where is {whose[0]} {thing}?", f"Where is {whose[1]} {thing}?")


@FEW
@given(WORDS, st.permutations(["if", "unless", "until", "while", "before", "after", "because", "instead of"]))
def test_another_condition_is_refused(clause: str, ties: list[str]) -> None:
    """If is not unless."""
    assert different(f"Stop {ties[0]} {clause}", f"Stop {ties[1]} {clause}")


@FEW
@given(WORDS, st.sampled_from(["the {}", "my {}", "this {}", "the last {}"]))
def test_one_is_not_many(noun: str, phrase: str) -> None:
    """Where it is said which."""
    assert different(f"Fix {phrase.format(noun)}", f"Fix {phrase.format(noun)}s")


@FEW
@given(WORDS, WORDS)
def test_another_word_or_one_more_is_refused(one: str, other: str) -> None:
    """What no table knows counts, on either side."""
    assume(one != other)
    for text in ("Fix the {}", "How do I paint a {}?", "¿Cómo pinto un {}?", "Comment peindre un {} ?"):
        assert different(text.format(one), text.format(other))
        assert different(text.format(one), text.format(f"{other} {one}"))


@FEW
@given(st.text(st.sampled_from("東京都大阪府密码重置方法削除保存"), min_size=2, max_size=8), st.integers(0, 7))
def test_another_sign_is_refused_where_words_are_not_told_apart(text: str, at: int) -> None:
    """Chinese, Japanese, Korean: every sign counts, and its place."""
    changed = text[: at % len(text)] + "京" + text[at % len(text) + 1 :]
    assume(changed != text)
    assert different(f"{text}はどこ", f"{changed}はどこ")


@FEW
@given(st.sampled_from(SENSES), st.data())
def test_a_synonym_stands_only_for_what_it_is_said_of(line: lexicon.Synonyms, data: st.DataObject) -> None:
    """Of a thing that the table does not name, each word of a line says something of its own."""
    one, other = data.draw(st.permutations(line.words))[:2]
    thing = data.draw(WORDS)
    assume(stem(one) != stem(other))
    assert different(f"How do I {one} a {thing}?", f"How do I {other} a {thing}?", "chat", "agent")
    assert different(f"Move the {one} {thing}", f"Move the {other} {thing}", "chat", "agent")


@FEW
@given(st.sampled_from(lexicon.NOUNS), WORDS)
def test_an_unknown_word_makes_a_name_of_a_noun(line: lexicon.Synonyms, beside: str) -> None:
    """A repo man is no repository man."""
    one, other = line.words[:2]
    assume(stem(one) != stem(other))
    assert different(f"Who is the {one} {beside}?", f"Who is the {other} {beside}?", "chat", "agent")


@FEW
@given(WORDS, st.sampled_from(["named {}", "called {}", "titled {}"]), st.sampled_from(lexicon.NOUNS))
def test_a_word_that_is_mentioned_stands_for_itself(thing: str, phrase: str, line: lexicon.Synonyms) -> None:
    """Who names something wants that name, to the letter."""
    one, other = line.words[:2]
    assert different(f"Add a {thing} {phrase.format(one)}", f"Add a {thing} {phrase.format(other)}", "chat", "agent")


@FEW
@given(WORDS, st.sampled_from(["Is {} a valid name?", "Why is {} undefined?", "Import {} here"]))
def test_a_capital_is_refused(name: str, text: str) -> None:
    """Inside of a clause, where capitals are put to names only."""
    assert different(text.format(name), text.format(name.capitalize()), "chat", "agent")


@FEW
@given(WORDS, WORDS, st.permutations(["in", "on", "at", "with"]))
def test_another_tie_is_refused(verb: str, noun: str, ties: list[str]) -> None:
    """In it is not on it, with it or at it."""
    assert different(f"How do I {verb} {ties[0]} a {noun}?", f"How do I {verb} {ties[1]} a {noun}?", "chat", "agent")


@FEW
@given(WORDS, WORDS, st.sampled_from(["and", "or"]))
def test_what_a_negation_is_said_of_is_refused(one: str, other: str, join: str) -> None:
    """Not the one, or not the other."""
    assume(one != other)
    for text in ("Is it {}?", "Find what is {}", "Why is it {}?"):
        there, here = f"not {one} {join} {other}", f"{one} {join} not {other}"
        assert different(text.format(there), text.format(here), "chat", "agent")


@FEW
@given(WORDS, st.sampled_from(["can", "could", "would"]), st.sampled_from(["does", "is"]))
def test_what_is_denied_is_refused(verb: str, modal: str, other: str) -> None:
    """Why it cannot is not why it does not."""
    assert different(f"Why {modal} it not {verb}?", f"Why {other} it not {verb}?", "chat", "agent")


@FEW
@given(WORDS, st.sampled_from(["Why is it {}?", "Who was {}?", "Is the dog {}?"]))
def test_another_voice_is_refused(verb: str, text: str) -> None:
    """Who is asking, who is asked."""
    assert different(text.format(f"{verb}ing"), text.format(f"{verb}ed"), "chat", "agent")
