"""The guard: texts that differ in what a rule protects are refused; some that only seem to differ are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isartor_addon.layers.semantic.guard import RULES, features, refusal, refusals
from tests.layers.guarding import different, same

DEV = Path(__file__).parents[1] / "semantic_pairs" / "dev.jsonl"

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


def test_no_near_miss_of_the_dev_half_gets_through() -> None:
    """By the guard alone, whatever the embedder says of them."""
    rows = [json.loads(line) for line in DEV.read_text().splitlines()]
    wrong = [(row["a"], row["b"]) for row in rows if not row["label"] and same(row["a"], row["b"])]
    assert wrong == []
