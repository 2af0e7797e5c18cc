"""Redaction: a credential in a text of any shape does not come out; other text does."""

from __future__ import annotations

import logging
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.core.redact import REMOVED, redact
from isartor_addon.observe import log
from isartor_addon.observe.redact import Redaction
from tests.effort import takes_at_most

WORD = string.ascii_letters + string.digits


def characters(alphabet: str, least: int, most: int):
    """Random characters as keys have them: some digit is among them."""
    return st.text(alphabet, min_size=least, max_size=most).map(lambda text: text[:7] + "7" + text[7:])


KEYS = st.one_of(
    characters(WORD, 20, 48).map("sk-".__add__),
    characters(WORD + "-_", 40, 100).map("sk-ant-api03-".__add__),
    characters(WORD + "-_", 40, 100).map("sk-ant-oat01-".__add__),
    characters(WORD + "-_", 40, 100).map("sk-proj-".__add__),
    characters(string.hexdigits, 60, 64).map("sk-or-v1-".__add__),
    characters(WORD, 36, 36).map("ghp_".__add__),
    characters(WORD, 36, 36).map("ghu_".__add__),
    characters(WORD + "_", 60, 82).map("github_pat_11".__add__),
    characters(WORD + "-_", 34, 34).map("AIza".__add__),
    characters(WORD, 50, 52).map("gsk_".__add__),
    characters(WORD, 80, 80).map("xai-".__add__),
    characters(WORD, 34, 34).map("hf_".__add__),
    characters(WORD + "-_", 60, 120).map("ya29.a0".__add__),
    st.tuples(characters(WORD, 20, 40), characters(WORD + "-_", 20, 90), characters(WORD + "-_", 20, 43)).map(
        lambda parts: "eyJ" + ".".join(parts)
    ),
)
"""Credentials that show by themselves what they are."""

BARE = st.one_of(KEYS, characters(WORD + "+/=._~-", 12, 60), characters(string.hexdigits, 30, 40))
"""Any credential, also one that shows only by where it stands."""

PLACES = [
    "authorization: Bearer {}",
    "Authorization: Basic {}",
    "AUTHORIZATION={}",
    "proxy-authorization: {}",
    "x-api-key: {}",
    "X-Api-Key:{}",
    "api-key: {}",
    "x-goog-api-key: {}",
    "{{'authorization': 'Bearer {}'}}",
    '{{"x-api-key": "{}"}}',
    '{{\\"x-api-key\\": \\"{}\\"}}',
    "Headers[(b'authorization', b'Bearer {}')]",
    "('x-api-key', '{}')",
    "cookie: session={}; theme=dark",
    "set-cookie: a={}; path=/",
    "GET /v1beta/models/gemini:generateContent?key={} HTTP/1.1",
    "https://host/path?alt=sse&key={}&x=1",
    "https://host/?access_token={}#top",
    "OPENAI_API_KEY={}",
    "api_key='{}'",
    "'access_token': '{}'",
    '"refresh_token":"{}"',
    "client_secret={}",
    "password: {}",
    "sent Bearer {} to the provider",
]
around = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(around, KEYS, around)
def test_credentials_that_show_themselves(before, key, after):
    """Between any two texts, glued to them or not, the credential is gone."""
    assert key not in redact(before + key + after)


@given(around, st.sampled_from(PLACES), BARE, around)
def test_credentials_that_show_by_their_place(before, place, key, after):
    """In every place for credentials, whatever they look like, they are gone."""
    assert key not in redact(f"{before} {place.format(key)} {after}")


@pytest.mark.parametrize(
    "text",
    [
        "POST https://api.openai.com/v1/chat/completions 200 in 12 ms",
        "key 0011223344556677 is in l1a; model gpt-4o-mini; tokens 1024",
        "the task-force asked for a risk-assessment of the desk-top",
        "authorization is missing",
        "the cache on disk is off: the disk is full; next try in 30 s",
        "token count 17, basic auth, bearer of news",
        "flow 8f14e45f-ceea-467f-9a36-dedd4bea2543 sha 9b74c9897bac770ffc029102a200c5de",
        '{"max_tokens": 100, "keys": ["a"]}',
        "",
    ],
)
def test_other_text_stays(text):
    """Text without a credential is not touched."""
    assert text == redact(text)


def test_what_surrounds_stays():
    """Only the credential goes; the line stays readable."""
    assert f"GET /x?alt=sse&key={REMOVED}&n=1 failed" == redact("GET /x?alt=sse&key=abc123&n=1 failed")
    assert f"used {REMOVED}, then stopped" == redact("used sk-abcdefghijklmnop1234, then stopped")


@pytest.mark.parametrize(
    "piece", ["sk-", "sk-a-", "eyJ", "eyJabcde.", "Bearer ", "authorization: ", "x" * 50, "'\\", "?key="]
)
def test_long_text_takes_linear_time(piece):
    """Half a megabyte made to be slow is no more work than any other."""
    with takes_at_most(cpu_s=5):
        redact(piece * (500_000 // len(piece)))


def seen_by(caplog, work):
    """What a handler of the root logger, and any formatter, gets to see."""
    caplog.clear()
    work()
    return "\n".join(
        f"{logging.Formatter().format(record)} {record.__dict__.get('msg')} {record.args} {record.exc_info}"
        for record in caplog.records
    )


@pytest.fixture
def gate():
    """The log as it is set up, taken down afterwards."""
    logger = logging.getLogger(log.NAME)
    log.set_up("debug")
    yield logger
    for each in [each for each in logger.handlers if isinstance(each, log.Gate)]:
        logger.removeHandler(each)
    logger.setLevel(logging.NOTSET)


SECRET = "sk-ant-api03-0123456789abcdefABCDEF"


def test_every_way_to_log(gate, caplog):
    """Message, arguments, traceback, stack: of any logger below ours, made before or after the set-up."""
    below = logging.getLogger(f"{log.NAME}.proxy.hooks")

    def work():
        below.info("sent %s", SECRET)
        below.info(f"sent {SECRET}")
        below.warning("headers %(headers)r", {"headers": {"authorization": f"Bearer {SECRET}"}})
        below.error("object %r", [(b"x-api-key", SECRET.encode())])
        try:
            raise ValueError(f"bad header {SECRET}")
        except ValueError:
            below.exception("failed with %s", SECRET, stack_info=True)
        logging.getLogger(f"{log.NAME}.made.later").debug("x-api-key: %s", SECRET)

    text = seen_by(caplog, work)
    assert SECRET not in text
    assert 6 == len(caplog.records)
    assert "ValueError: bad header [removed]" in text
    assert "test_every_way_to_log" in text


def test_arguments_that_do_not_fit(gate, caplog):
    """A record that cannot be written shows neither its message nor its arguments."""
    text = seen_by(caplog, lambda: gate.info("%d and %d", SECRET))
    assert SECRET not in text
    assert "cannot be written" in text


@given(around, KEYS, around)
def test_filter_on_any_record(before, key, after):
    """The filter lets no credential through, in message or argument."""
    for record in (
        logging.LogRecord("isartor_addon", logging.INFO, "", 0, before + key + after, None, None),
        logging.LogRecord("isartor_addon", logging.INFO, "", 0, "got %s", (before + key + after,), None),
    ):
        assert Redaction().filter(record)
        assert key not in logging.Formatter().format(record)


def test_last_resort(gate, capsys, monkeypatch):
    """Where nobody set up a handler, warnings still reach standard error, redacted."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    gate.warning("with %s", SECRET)
    gate.info("unimportant")
    assert "with [removed]\n" == capsys.readouterr().err


def test_set_up_twice(gate, caplog):
    """Setting up again changes the level and does not double the lines."""
    log.set_up("warning")
    log.set_up("info")
    gate.info("one line")
    gate.debug("not this one")
    assert ["one line"] == [record.getMessage() for record in caplog.records]
    assert logging.WARNING == logging.getLogger("httpx2").getEffectiveLevel()
