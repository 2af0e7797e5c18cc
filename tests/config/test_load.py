"""Settings from everywhere."""

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isartor_addon.config.explain import explain, table
from isartor_addon.config.keys import Key, by_name, keys, keys_of
from isartor_addon.config.load import (
    Found,
    build,
    from_environ,
    from_file,
    from_flags,
    from_options,
    gather,
    load,
    merge,
    override,
)
from isartor_addon.config.schema import Cache, ChainTable, Config, ProviderTable, QuotaTable
from isartor_addon.config.values import as_text, check, parse
from isartor_addon.core.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without a config file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


def error(**sources: object) -> str:
    """The sentence with which `load` refuses."""
    with pytest.raises(ConfigError) as caught:
        load(**{"environ": {}, **sources})
    return str(caught.value)


def test_nothing_said_gives_the_defaults() -> None:
    """Without any source the schema's defaults hold."""
    assert Config() == load(environ={})


def test_each_source_beats_the_ones_before_it(tmp_path: Path) -> None:
    """Flags beat options, options the environment, the environment the file, the file the defaults."""
    file = tmp_path / "c.toml"
    file.write_text("[cache]\nttl_s = 1\nsize_mb = 1\nmemory_mb = 1\nagain = 2\n")
    config = load(
        file=file,
        environ={"ISARTOR_CACHE_TTL_S": "2", "ISARTOR_CACHE_SIZE_MB": "2", "ISARTOR_CACHE_MEMORY_MB": "2"},
        options={"isartor_cache_ttl_s": 3, "isartor_cache_size_mb": "3", "isartor_log_level": None, "listen_port": 1},
        flags={"cache.ttl_s": 4, "cache.size_mb": None},
    )
    cache = config.cache
    assert (4, 3, 2, "2", True) == (cache.ttl_s, cache.size_mb, cache.memory_mb, cache.again, cache.enabled)


def test_file_is_found_at_home_or_by_name(empty_home: Path) -> None:
    """`config.toml` in the home directory is read if it is there; ISARTOR_CONFIG and ISARTOR_HOME point elsewhere."""
    (empty_home / ".isartor").mkdir()
    (empty_home / ".isartor" / "config.toml").write_text("body_limit_mb = 1")
    (empty_home / "other.toml").write_text("body_limit_mb = 2")
    (empty_home / "config.toml").write_text("body_limit_mb = 3")
    limits = [
        load(environ=environ).body_limit_mb
        for environ in ({}, {"ISARTOR_CONFIG": "~/other.toml"}, {"ISARTOR_HOME": str(empty_home)})
    ]
    assert [1, 2, 3] == limits


def test_every_form_of_list_and_table_is_read() -> None:
    """Lists and tables in the environment are comma lists or JSON."""
    plain = load(environ={"ISARTOR_HOSTS": "a.example, .b.example:8443", "ISARTOR_CACHE_TTL_BY_MODEL": "gpt-*=60,o1=5"})
    json = load(
        environ={
            "ISARTOR_HOSTS": '["a.example", ".b.example:8443"]',
            "ISARTOR_CACHE_TTL_BY_MODEL": '{"gpt-*":60,"o1":5}',
        }
    )
    assert plain == json
    assert (("a.example", ".b.example:8443"), {"gpt-*": 60, "o1": 5}) == (json.hosts, json.cache.ttl_by_model)
    door = load(environ={"ISARTOR_DOOR_PREFIXES": "x=https://x.example/a=b"}).door
    assert {"x": "https://x.example/a=b"} == door.prefixes


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        (
            {"environ": {"ISARTOR_CACHE_TTL": "5"}},
            "The environment variable ISARTOR_CACHE_TTL is no setting of Isartor; the nearest is ISARTOR_CACHE_TTL_S.",
        ),
        (
            {"environ": {"ISARTOR_CACHE_TTL_S": "soon"}},
            "In the environment variable ISARTOR_CACHE_TTL_S, `cache.ttl_s` is `soon`, but it needs a whole number.",
        ),
        (
            {"options": {"isartor_websocket": "nativ"}},
            "In the mitmproxy option isartor_websocket, `websocket` is `nativ`, but it must be `native` or `fallback`.",
        ),
        (
            {"options": {"isartor_webs": "native"}},
            "The mitmproxy option isartor_webs is no setting of Isartor; the nearest is isartor_websocket.",
        ),
        (
            {"flags": {"chache.ttl_s": 1}},
            "In the command line, `chache.ttl_s` is no setting of Isartor; the nearest is cache.ttl_s.",
        ),
        ({"flags": {"body_limit_mb": 0}}, "In the command line, `body_limit_mb` is `0`, but it must be at least 1."),
        (
            {"environ": {"ISARTOR_TOKEN": "my secret"}},
            "In the environment variable ISARTOR_TOKEN, `token` is `***`, "
            "but it must be printable ASCII without spaces and colons.",
        ),
    ],
)
def test_errors_name_source_key_and_value(sources: dict[str, object], sentence: str) -> None:
    """A refusal is one sentence with the source, the setting, the value and the nearest known name."""
    assert sentence == error(**sources)


@pytest.mark.parametrize(
    "line",
    [
        "body_limit_mb = true",
        'body_limit_mb = "64"',
        "body_limit_mb = -1",
        "hosts = 'a.example'",
        "hosts = [1]",
        "hosts = ['*.example.com']",
        "hosts = ['https://a.example']",
        "hosts = ['a.example:99999']",
        "hosts = ['a..example']",
        "cache = 1",
        "cache.again = 1",
        "cache.again = 'often'",
        "cache.again = true",
        "cache.replay_pace = 0",
        "cache.replay_pace = 'slowly'",
        "cache.ttl_by_model = {a = -1}",
        "cache.ttl_by_model = {a = 'x'}",
        "cache.enabled = 1",
        "cache.colour = 'red'",
        "semantic.threshold = 'high'",
        "semantic.threshold = 1.5",
        "semantic.max_error_rate = nan",
        "semantic.agents = 1",
        "semantic.profiles = {a = 'loose'}",
        "door.openai = 'api.openai.com'",
        "door.openai = 'ftp://x'",
        "door.openai = 'https://'",
        "door.openai = 'https://u:p@x.example'",
        "door.openai = 'https://x.example:0'",
        "door.openai = 'https://[x'",
        "door.openai = 'https://x.example?a'",
        "door.openai = ''",
        "door.prefixes = {v1 = 'https://x.example'}",
        "door.prefixes = {'a/b' = 'https://x.example'}",
        "door.prefixes = {x = 'x.example'}",
        "tenant_header = 'a b'",
        "log_level = 'loud'",
        "[tool]",
        "not toml",
    ],
)
def test_bad_files_are_refused(tmp_path: Path, line: str) -> None:
    """Each of these lines is refused with one sentence that names the file."""
    file = tmp_path / "c.toml"
    file.write_text(line)
    sentence = error(file=file)
    assert (True, 1) == (str(file) in sentence, len(sentence.splitlines()))


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    """A named file that is missing, a folder or not UTF-8 is an error, not a silent default."""
    (tmp_path / "latin").write_bytes(b"token = '\xff'")
    for path, words in (
        (tmp_path / "none", "No such file"),
        (tmp_path, "directory"),
        (tmp_path / "latin", "not UTF-8"),
    ):
        assert words in error(file=path)


def test_repeats_may_be_counted(tmp_path: Path) -> None:
    """`again` takes a number from 2, as a number or as text."""
    (tmp_path / "c").write_text("cache.again = 7")
    agains = [load(file=tmp_path / "c", environ={}).cache.again, load(environ={"ISARTOR_CACHE_AGAIN": "3"}).cache.again]
    assert ["7", "3"] == agains


def test_other_programs_variables_are_left_alone() -> None:
    """Variables with a double underscore belong to the Isartor server, and ISARTOR_PYTHON to the set-up script."""
    assert {} == from_environ({"ISARTOR__CACHE_MODE": "both", "ISARTOR_PYTHON": "python3", "PATH": "/bin"})


def test_names_are_unique_and_config_is_frozen() -> None:
    """No two settings share a variable or an option, and nobody changes a setting later."""
    assert len(keys()) == len({key.env for key in keys()}) == len({key.option for key in keys()})
    with pytest.raises(FrozenInstanceError):
        load(environ={}).token = "x"  # type: ignore[misc]


def test_explanation_names_the_source_and_hides_the_token(tmp_path: Path) -> None:
    """Each setting says where it comes from; the token is never shown."""
    file = tmp_path / "c.toml"
    file.write_text("cache.ttl_s = 9")
    found = gather(file=file, environ={"ISARTOR_TOKEN": "hush"}, options={}, flags={})
    shown = {each.key.name: (each.shown, each.source) for each in explain(found)}
    assert ("9", f"the config file {file}") == shown["cache.ttl_s"]
    assert ("(set)", "the environment variable ISARTOR_TOKEN") == shown["token"]
    assert ("true", "default") == shown["cache.enabled"]
    assert "hush" == build(found).token


def test_table_has_a_row_for_each_setting() -> None:
    """The README's table is made from the schema."""
    names = [
        name
        for key in keys()
        for name in (key.name, *(f"{key.name}[].{each.name}" for each in (keys_of(key.record) if key.record else ())))
    ]
    assert [f"| `{name}` " for name in names] == [line[: line.index("|", 1)] for line in table().splitlines()[2:]]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("embedder.url", "a.example", "is `a.example`, but it must be an `http://`"),
        ("embedder.key", "a-real-key", "is `***`, but it must be `vault:NAME` or `env:VARIABLE`"),
        ("embedder.key", "client", "is `***`, but it must be `vault:NAME` or `env:VARIABLE`"),
        ("embedder.url", "http://me:secret@a.example", "is `http://***@a.example`, but it must stand without user"),
        ("embedder.timeout_s", "0", "must be more than 0"),
    ],
)
def test_the_embedder_is_checked(name: str, value: str, sentence: str) -> None:
    """What cannot be an address, a place of a key or a time is refused, and a key is not shown."""
    with pytest.raises(ConfigError) as caught:
        from_flags({name: value})
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("source", "fits"),
    [
        ("command:gcloud auth print-access-token", True),
        ("command:'/opt/my tools/key' --for me", True),
        ("command:", False),
        ("command: ", False),
        ("command:''", False),
        ("command:key 'open", False),
        ("command:key\nother", False),
        ("gcloud auth print-access-token", False),
    ],
)
def test_a_key_may_come_from_a_command(source: str, fits: bool) -> None:
    """One line of words; what is none is refused, and not shown, since it may be a key."""
    said = {"ISARTOR_PROVIDERS": json.dumps([{"name": "openai", "key": source}])}
    if fits:
        assert (source,) == from_environ(said)["providers"].value[0].key
        return
    with pytest.raises(ConfigError) as caught:
        from_environ(said)
    assert "`providers[0].key` is `***`, but it must be `vault:NAME`" in str(caught.value)


PROVIDERS = st.builds(
    ProviderTable,
    name=st.sampled_from(["openai", "mine"]),
    key=st.lists(st.sampled_from(["vault:a", "env:A", "command:key --for a"]), max_size=2).map(tuple),
    base_url=st.sampled_from(["", "https://a.example/v1"]),
    models=st.lists(st.text(max_size=9), max_size=2).map(tuple),
    headers=st.sampled_from([{}, {"x-title": "a b"}]),
)
CHAINS = st.builds(
    ChainTable,
    for_=st.sampled_from([("*",), ("gpt-*", "host:a.example")]),
    try_=st.sampled_from([("client",), ("client", "openai/gpt-4o")]),
    retries=st.integers(0, 5),
)
QUOTAS = st.builds(
    QuotaTable,
    name=st.sampled_from(["daily", "budget-1"]),
    window=st.sampled_from(["minute", "month"]),
    usd=st.floats(0, 1e6),
    per=st.sampled_from([(), ("caller",), ("caller", "model")]),
    zone=st.sampled_from(["UTC", "Europe/Berlin"]),
)
TABLES = {"providers": PROVIDERS, "chain": CHAINS, "quotas": QUOTAS}

VALUES = {
    "bool": st.booleans(),
    "int": st.integers(1, 10**9),
    "float": st.floats(0, 1),
    "list": st.lists(st.from_regex(r"\.?[a-z]{1,8}\.[a-z]{2,5}(:[1-9][0-9]{0,3})?", fullmatch=True)).map(tuple),
    "map of int": st.dictionaries(st.text(max_size=9), st.integers(0, 10**9)),
    "maps of float": st.dictionaries(st.text(max_size=9), st.dictionaries(st.text(max_size=9), st.floats(0, 1e6))),
    "map of text": st.dictionaries(
        st.from_regex(r"[a-u][a-z0-9._-]{0,8}", fullmatch=True).filter(
            lambda name: name != "api" and name != "healthz"
        ),
        st.from_regex(r"https?://[a-z]{1,9}\.example(:[1-9][0-9]{0,3})?(/[a-z=,]{0,9})?", fullmatch=True),
    ),
}


def value_of(key: Key) -> st.SearchStrategy[object]:
    """Good values of one setting."""
    if key.choices:
        return st.sampled_from(key.choices)
    if key.name == "semantic.profiles":
        return st.dictionaries(
            st.from_regex(r"[a-z*-]{1,9}", fullmatch=True), st.sampled_from(["chat", "faq", "agent", "off"])
        )
    if key.name == "cache.again":
        return st.sampled_from(["serve", "refresh", "2", "99"])
    if key.name == "cache.replay_pace":
        return st.sampled_from(["at_once", "recorded", "1", "80"])
    if key.name in ("door.openai", "door.anthropic", "door.gemini", "door.ollama"):
        return st.sampled_from(["http://a.example", "https://b.example:8443/x"])
    if key.name in ("egress.proxy", "embedder.url"):
        return st.sampled_from(["", "http://proxy.example:3128"])
    if key.name == "embedder.key":
        return st.sampled_from(["", "vault:a", "env:A"])
    if key.name == "embedder.timeout_s":
        return st.floats(0.1, 60)
    if key.name == "egress.proxy_login":
        return st.sampled_from(["", "user:pass:word"])
    if key.name in TABLES:
        return st.lists(TABLES[key.name], max_size=3).map(tuple)
    return VALUES.get(key.type, st.from_regex(r"[A-Za-z0-9-]{0,12}", fullmatch=True))


SOURCE = st.fixed_dictionaries(
    {}, optional={key.name: value_of(key).map(lambda value: Found(value, "somewhere")) for key in keys()}
)


@given(SOURCE, SOURCE, SOURCE)
def test_joining_sources_is_associative(a: dict[str, Found], b: dict[str, Found], c: dict[str, Found]) -> None:
    """However sources are grouped, the result is the same, and the last one that speaks of a setting is heard."""
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    joined = merge(a, b, c)
    for name in by_name():
        last = next((source[name] for source in (c, b, a) if name in source), None)
        assert last == joined.get(name)


@given(SOURCE)
def test_all_sources_say_the_same_thing_the_same_way(source: dict[str, Found]) -> None:
    """A value written to the environment, to options or to flags is the value that holds."""
    values = {name: found.value for name, found in source.items()}
    wanted = build(source)
    names = by_name()
    assert wanted == build(from_flags(values))
    assert wanted == build(from_environ({names[n].env: as_text(v) for n, v in values.items()}))
    assert wanted == build(from_options({names[n].option: as_text(v) for n, v in values.items()}))


@given(st.sampled_from(keys()), st.text(max_size=40))
def test_any_text_is_a_value_or_one_sentence(key: Key, text: str) -> None:
    """No text makes the loader raise anything but ConfigError; what it takes has the setting's type."""
    try:
        found = from_environ({key.env: text})[key.name]
    except ConfigError as refused:
        assert key.env in str(refused)
    else:
        assert found.value == check(key, parse(key, as_text(found.value)))


def test_deep_json_is_refused() -> None:
    """A million nested arrays are an error like any other."""
    assert "not valid JSON" in error(environ={"ISARTOR_HOSTS": "[" * 1_000_000})


def test_file_and_flags_agree(tmp_path: Path) -> None:
    """Nested tables and dotted keys in the file are the same settings."""
    for number, text in enumerate(("[door]\nprefixes = {a = 'http://b'}", "[door.prefixes]\na = 'http://b'")):
        file = tmp_path / str(number)
        file.write_text(text)
        assert {"a": "http://b"} == from_file(file)["door.prefixes"].value


def test_what_is_said_later_leaves_the_rest() -> None:
    """Options set at run time change what they name, inside sections too, and nothing else."""
    given = Config(home="/a", cassette="b", cache=Cache(ttl_s=1, again="serve"))
    said = override(given, from_options({"isartor_cache_ttl_s": 5, "isartor_hosts": ["c.test"]}))
    assert replace(given, hosts=("c.test",), cache=Cache(ttl_s=5, again="serve")) == said


@pytest.mark.parametrize("host", ["*", "8.8.8.8", "1.1.1.1:443"])
def test_offline_hosts_are_private(host: str) -> None:
    """An address that anybody can reach is none that may be reached offline."""
    with pytest.raises(ConfigError, match="no private host"):
        from_environ({"ISARTOR_OFFLINE_HOSTS": host})


def test_a_proxys_login_is_never_shown() -> None:
    """Neither where it is wrong, nor by `isartor config`."""
    with pytest.raises(ConfigError) as wrong:
        from_environ({"ISARTOR_EGRESS_PROXY_LOGIN": "hunter2"})
    assert "hunter2" not in str(wrong.value)
    shown = explain(from_environ({"ISARTOR_EGRESS_PROXY_LOGIN": "me:hunter2"}))
    assert "(set)" in {each.shown for each in shown if each.key.name == "egress.proxy_login"}
