"""The guard: texts that differ in what a rule protects are refused; some that only seem to differ are not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isartor_addon.layers.semantic import lexicon
from isartor_addon.layers.semantic.guard import RULES, Profile, features, refusal, refusals
from isartor_addon.layers.semantic.words import OPPOSITES, TOPICS, one_for_all, stem

PROFILES: tuple[Profile, ...] = ("chat", "faq", "agent")
DEV = Path(__file__).parents[1] / "semantic_pairs" / "dev.jsonl"

LINES = [*lexicon.SYNONYMS, *lexicon.NOUNS]
"""Words that say the same, everywhere or somewhere."""
SENSES = [line for line in lexicon.SYNONYMS if line.where]
"""Those that do somewhere only."""

FEW = settings(max_examples=40)

WORDS = st.from_regex(r"[bdfgklmnprtvz][aiou][bdgklmnprtvz][aiou][bdgklmnprtvz]", fullmatch=True)
"""Words of no language that none of the tables knows; none ends like an inflected one."""


def different(one: str, other: str, *profiles: Profile) -> str:
    """The rule that keeps two texts apart, both ways round and in every profile."""
    found = ""
    for profile in profiles or PROFILES:
        there, back = (refusal(features(a), features(b), profile) for a, b in ((one, other), (other, one)))
        assert there is not None and back is not None, (profile, one, other)
        found = there.rule
    return found


def same(one: str, other: str, profile: Profile = "chat") -> bool:
    """Whether nothing is against it."""
    return refusal(features(one), features(other), profile) is None


CASES = {
    "material": [
        ("Say thanks", "Say please"),
        ("How do you say please in German?", "How do you say thank you in German?"),
        ("Print hello in Go", "Print hi in Go"),
        ("Translate to German: please help me", "Translate to German: help me"),
        ("Correct the grammar: he go home", "Correct the grammar: he goes home"),
        ("Synonyms for quick", "Synonyms for fast"),
        ("What does the delete keyword do?", "What does the remove keyword do?"),
        ("What does repo stand for?", "What does repository stand for?"),
        ("What does \\d match?", "What does \\D match?"),
        ("What does i++ do?", "What does ++i do?"),
        ("What does x! do?", "What does x? do?"),
        ("what is a ? b : c", "what is b ? a : c"),
        ("if (a) { b } explain", "if (b) { a } explain"),
        ("f(a, b) explain", "f(b, a) explain"),
        ("Fix it:\nif a:\n  b\n  c", "Fix it:\nif a:\n  b\nc"),
        ("cp a b", "cp b a"),
        ("Limit memory to 512 MB", "Limit memory to 512 Mb"),
        ("How do you store my data?", "How do I store my data?"),
        ("Do I owe you?", "Do you owe me?"),
        ("How do you work?", "How do I work?"),
        ("Is hi a word?", "Is hey a word?"),
        ("Is this ok?", "Is this?"),
        ("Name a variable delete", "Name a variable remove"),
        ("Add a column called db", "Add a column called database"),
        ("Rename the column to max", "Rename the column to maximum"),
        ("Search for the string repo", "Search for the string repository"),
        ("How do you feel today?", "How do I feel today?"),
    ],
    "naming": [
        ("What does summarize do?", "What does summary do?"),
        ("Is translate or translation a verb?", "Is translation or translation a verb?"),
    ],
    "language": [("Wie sortiere ich eine Liste in Python?", "Comment trier une liste en Python ?")],
    "code": [("What does `a + b` do?", "What does `a - b` do?"), ("Explain ```x```", "Explain ```y```")],
    "quoted": [("Print 'yes' in Go", "Print 'no' in Go"), ("Find “a b”", "Find “a c”")],
    "url": [("Open https://a.example/x", "Open https://a.example/y"), ("Mail bo@x.org", "Mail jo@x.org")],
    "path": [("Clean /tmp/a", "Clean /tmp/b"), ("Lint src/a", "Lint src/b")],
    "filename": [("Fix main.py", "Fix main.rs"), ("Explain .npmrc", "Explain .nvmrc")],
    "identifier": [
        ("Rename fooBar", "Rename fooBaz"),
        ("Set MAX_SIZE", "Set MIN_SIZE"),
        ("What does ls -a do?", "What does ls -l do?"),
        ("Add a GET route", "Add a PUT route"),
        ("Use sha256 here", "Use sha512 here"),
    ],
    "number": [
        ("Print 3 lines", "Print 5 lines"),
        ("Print two lines", "Print three lines"),
        ("Between 1 and 10", "Between 10 and 1"),
        ("What is new in Python 3.8?", "What is new in Python 3.11?"),
        ("The second one", "The third one"),
        ("Is it -5?", "Is it 5?"),
        ("On 2024-03-01", "On 2024-01-03"),
    ],
    "unit": [("Wait 5 ms", "Wait 5 s"), ("Pay $5", "Pay €5"), ("At 5 am", "At 5 pm"), ("Cut 5 %", "Cut 5 kg")],
    "sign": [("Is x < y?", "Is x > y?"), ("What is 2*(3+4)?", "What is (2*3)+4?"), ("Mean ☂?", "Mean ☃?")],
    "negation": [
        ("Why does it start?", "Why does it not start?"),
        ("Run with tests", "Run without tests"),
        ("Use goto", "Never use goto"),
        ("Quels pays ?", "Quels pays jamais ?"),
        ("Why can't users log in?", "Why don't users log in?"),
        ("Why wouldn't it start?", "Why doesn't it start?"),
    ],
    "antonym": [("Sort ascending", "Sort descending"), ("Mount a disk", "Unmount a disk")],
    "quantifier": [
        ("Drop all rows", "Drop most rows"),
        ("Is it always safe?", "Is it sometimes safe?"),
        ("Can some dogs swim?", "Can dogs swim?"),
    ],
    "technology": [("Sort a list in Ruby", "Sort a list in Perl"), ("Parse XML in C", "Parse XML in C++")],
    "question": [
        ("How do I use Redis?", "Why do I use Redis?"),
        ("When was it built?", "Where was it built?"),
        ("How many cores?", "How long cores?"),
        ("Explain this loop", "Why this loop?"),
    ],
    "tense": [("Who is the mayor?", "Who was the mayor?"), ("Does it pass?", "Will it pass?")],
    "person": [
        ("What is my name?", "What is your name?"),
        ("Where is her car?", "Where is his car?"),
        ("Is he older than she is?", "Is she older than he is?"),
        ("Can you see me?", "Can I see you?"),
        ("Why do you hate me?", "Why do I hate you?"),
    ],
    "capital": [
        ("Is abc a valid hostname?", "Is Abc a valid hostname?"),
        ("Why is the constant max undefined?", "Why is the constant Max undefined?"),
        ("Is turkey big?", "Is Turkey big?"),
    ],
    "voice": [("Who was asking?", "Who was asked?"), ("Am I being watched?", "Am I watching?")],
    "condition": [("Stop if it fails", "Stop unless it fails"), ("Eat before a run", "Eat after a run")],
    "plural": [
        ("Fix the bug", "Fix the bugs"),
        ("Undo my last commit", "Undo my last commits"),
        ("Write a poem about rain", "Write poems about rain"),
        ("Show an example of recursion", "Show examples of recursion"),
    ],
    "substitution": [
        ("Fix the backend", "Fix the kernel"),
        ("Ask Ada Lovelace", "Ask Alan Turing"),
        ("Remove the disk", "Erase the disk"),
        ("How do I find a job?", "How do I get a job?"),
        ("How do I set up a repo?", "How do I create a repo?"),
        ("What does get do?", "What does fetch do?"),
        ("What is fetch?", "What is get?"),
        ("Is it spelt quick or fast?", "Is it spelt rapid or fast?"),
        ("Difference between delete and erase", "Difference between delete and remove"),
        ("What is Anna like?", "What does Anna like?"),
        ("Fix a date", "Repair a date"),
        ("How do I resolve a hostname?", "How do I fix a hostname?"),
        ("How do I pick a lock?", "How do I choose a lock?"),
        ("How do I pick a lock from a list?", "How do I choose a lock from a list?"),
        ("What is fast food?", "What is quick food?"),
        ("What is an exit code?", "What is a quit code?"),
        ("Who is a repo man?", "Who is a repository man?"),
        ("How do I submit to the app store?", "How do I submit to the application store?"),
        ("What is a child process?", "What is a kid process?"),
        ("How do I write a make file?", "How do I write a create file?"),
        ("Move the delete button", "Move the remove button"),
        ("How do I make a class laugh?", "How do I create a class laugh?"),
        ("How do I make an exception?", "How do I create an exception?"),
    ],
    "addition": [
        ("Write a poem", "Write a short poem"),
        ("Sort a list", "Sort a list in place"),
        ("Explain monads simply", "Explain monads"),
        ("Is he tall?", "Is he very tall?"),
        ("Can I just eat fruit?", "Can I eat fruit?"),
        ("I want to die", "How to die"),
        ("How should a bill fail?", "How can a bill fail?"),
    ],
    "order": [
        ("Convert JSON to YAML", "Convert YAML to JSON"),
        ("Is Rust faster than Go?", "Is Go faster than Rust?"),
        ("lint, test, deploy", "test, lint, deploy"),
        ("Only admins can post", "Admins can only post"),
        ("Call foo from bar", "Call bar from foo"),
        ("Share a file with Ann", "Share a file of Ann"),
        ("How do I train with a dog?", "How do I train on a dog?"),
        ("Write a book in Python", "Write a book on Python"),
        ("Sit on the chair at the table", "Sit at the chair on the table"),
        ("Select rows where a is null and b is not null", "Select rows where a is not null and b is null"),
        ("Is it true that not a or b?", "Is it true that a or not b?"),
        ("Is it true that all birds do not fly?", "Is it true that not all birds do fly?"),
        ("Why should I not only use tests?", "Why should I only not use tests?"),
        ("How do I tell git not to track a file?", "How do I not tell git to track a file?"),
        ("Does no news mean good news?", "Does news mean no good news?"),
        ("Why does my query not return all rows?", "Why does my query return not all rows?"),
        ("Redirect http to https", "Redirect https to http"),
        ("¿Quién ama a Ana?", "¿A quién ama Ana?"),
        ("Den Hund beißt der Mann", "Der Hund beißt den Mann"),
        ("Replace the image in the header with text", "Replace the image with text in the header"),
    ],
}
"""Rule to texts that it keeps apart."""


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_cases_that_it_refuses(rule: str) -> None:
    """The rule itself is against each of its cases, and whatever comes first refuses them both ways round."""
    for one, other in CASES[rule]:
        assert rule in {each.rule for each in refusals(features(one), features(other), "chat")}, (one, other)
        different(one, other, "chat", "agent")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I undo a commit?", "Hi! Could you please tell me how to undo a commit? Thanks"),
        ("How do I sort a list in Python?", "In Python, what's the best way to sort a list?"),
        ("Why does my build not pass?", "Why doesn't my build pass?"),
        ("What is the length of an array in C?", "What is an array's length in C?"),
        ("What is the difference between TCP and UDP?", "What's the difference between UDP and TCP?"),
        ("Create a script that lists users", "Write a script to list users"),
        ("How is a variable declared in Rust?", "How do I declare a variable in Rust?"),
        ("Copy a folder recursively", "Recursively copy a directory"),
        ("How do I fix an error in git?", "How do I resolve an error in git?"),
        ("How was my branch deleted?", "How was my branch removed?"),
        ("Delete the 3 files older than a day", "Remove the 3 files older than a day"),
        ("Delete a.txt", "Remove a.txt"),
        ("How do I clone a git repo?", "How do I clone a git repository?"),
        ("How do I sort a list in Python?", "How do I sort a list using Python?"),
        ("Why can't I push to origin?", "Why can I not push to origin?"),
        ("who wrote hamlet", "Who wrote Hamlet?"),
        ("How Do I Sort Lists?", "How do I sort lists?"),
        ("Recommend some books on Rome", "Recommend books on Rome"),
        ("I want to sort a list in Python", "How do I sort a list in Python?"),
        ("Translate to German: please  help me", "Translate to German: please help me"),
        ("What is the population of the island?", "What is the population in the island?"),
        ("How do I print 1000 lines?", "How can I print 1,000 lines?"),
        ("Print two lines", "Print 2 lines"),
        ("How do I create a fucntion?", "How do I create a function?"),
        ("如何重置密码。", "请问如何重置密码"),
        ("Comment trier une liste ?", "Bonjour, comment est-ce que je peux trier une liste ?"),
    ],
)
def test_other_words_for_the_same_are_let_through(one: str, other: str) -> None:
    """Politeness, word order, contractions, known synonyms and misspellings are no reason to refuse."""
    assert same(one, other) and same(other, one)


def test_agents_get_no_synonyms_and_no_how_to_for_an_order() -> None:
    """What is no difference to a person may be one to a tool that acts."""
    assert same("Delete a branch in git", "Remove a branch in git")
    assert same("Delete a branch in git", "How do I delete a branch in git?")
    assert not same("Delete the branch in git", "How do I delete the branch in git?")
    assert not same("Delete a branch in git", "Remove a branch in git", "agent")
    assert not same("Delete a branch in git", "How do I delete a branch in git?", "agent")


def test_services_are_asked_more_loosely() -> None:
    """The profile `faq` knows what says the same about one service; the others do not."""
    pairs = [
        ("Do you offer student discounts?", "Is there a student discount?"),
        ("Is my data safe?", "Is my data secure?"),
    ]
    assert [same(*pair, "faq") for pair in pairs] == [True, True]
    assert [same(*pair, "chat") for pair in pairs] == [False, False]


def test_details_quote_only_what_differs() -> None:
    """The trail is read by people who need not know the prompt."""
    found = refusal(features("Rotate my secret plan by 3"), features("Rotate my secret plan by 5"), "chat")
    assert found is not None and found.detail == "3 / 5"


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


def test_no_near_miss_of_the_dev_half_gets_through() -> None:
    """By the guard alone, whatever the embedder says of them."""
    rows = [json.loads(line) for line in DEV.read_text().splitlines()]
    wrong = [(row["a"], row["b"]) for row in rows if not row["label"] and same(row["a"], row["b"])]
    assert wrong == []


def test_no_phrase_of_the_tables_is_read_as_its_opposite() -> None:
    """What a phrase is read as has no negation that the phrase itself has not."""
    for entries in lexicon.PHRASES.values():
        for words, read in entries:
            assert (set(read) & lexicon.NEGATIONS) <= set(words), (words, read)


def test_words_that_say_the_same_are_no_opposites() -> None:
    """A synonym of an opposite would let the opposite through."""
    for line in [*(line.words for line in LINES), *lexicon.FAQ_SYNONYMS]:
        stands = {one_for_all(word) for word in line}
        assert not any(OPPOSITES.get(word, frozenset()) & stands for word in stands), line


def test_tables_hold_plain_words() -> None:
    """Small letters, no strays: an entry that cannot match is a mistake."""
    for line in LINES:
        words = [*line.words, *line.where]
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", word) for word in words), line
        assert len(line.words) == len(set(line.words)), line
