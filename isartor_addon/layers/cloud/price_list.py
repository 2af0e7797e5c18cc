"""List prices of the main models, in USD per million tokens, as their providers published them.

Standard tier, text, pay as you go: no fees for tools, no free allowances. What a reply says was served otherwise (flex,
priority, batch) has the price that `tiers` gives, else its cost is an estimate. A subscription
(Claude, ChatGPT, Copilot) is not billed by the token: there a cost is what the same tokens would cost at these prices.
`[prices."MODEL"]` in the config file comes before everything here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from isartor_addon.layers.cloud.prices import Price, Row, Tier, price

DATE: Final = "2026-11-25"
"""When the sources were last looked at. What they said is as old as the date behind each of them."""
SOURCES: Final = {
    "Anthropic": ("https://platform.claude.com/docs/en/about-claude/pricing", "2026-10-24"),
    "OpenAI": ("https://developers.openai.com/api/docs/pricing", "2026-10-27"),
    "Google": ("https://ai.google.dev/gemini-api/docs/pricing", "2026-08-05"),
    "xAI": ("https://docs.x.ai/docs/models", "2026-05-15"),
    "DeepSeek": ("https://api-docs.deepseek.com/quick_start/pricing", "2026-10-27"),
    "Mistral": ("https://mistral.ai/pricing", "2026-08-05"),
    "Groq": ("https://groq.com/pricing", "2026-08-05"),
}

_CLAUDE = """
claude-fable-5-1    10      50      0.25    12.50   20
claude-mythos-5-1   10      50      0.25    12.50   20
claude-fable-5      10      50      1       12.50   20
claude-mythos-5     10      50      1       12.50   20
claude-opus-5-5     4       20      0.20    5       8
claude-opus-5       5       25      0.50    6.25    10
claude-opus-4-8     5       25      0.50    6.25    10
claude-opus-4-7     5       25      0.50    6.25    10
claude-opus-4-6     5       25      0.50    6.25    10
claude-opus-4-5     5       25      0.50    6.25    10
claude-opus-4-1     15      75      1.50    18.75   30
claude-opus-4       15      75      1.50    18.75   30
claude-opus-4-0     15      75      1.50    18.75   30
claude-3-opus       15      75      1.50    18.75   30
claude-sonnet-5-5   2       10      0.10    2.50    4
claude-sonnet-5     2       10      0.20    2.50    4
claude-sonnet-4-6   3       15      0.30    3.75    6
claude-sonnet-4-5   3       15      0.30    3.75    6
claude-sonnet-4     3       15      0.30    3.75    6
claude-sonnet-4-0   3       15      0.30    3.75    6
claude-3-7-sonnet   3       15      0.30    3.75    6
claude-haiku-4-5    1       5       0.10    1.25    2
claude-3-5-haiku    0.80    4       0.08    1       1.6
claude-3-haiku      0.25    1.25    0.03    0.30    0.50
"""
"""Model, input, output, read from the cache, written for five minutes, written for an hour."""

_OPENAI = """
gpt-6[.]1-sol       2       10      0.10    2.50
gpt-6[.]1-terra     1       5       0.05    1.25
gpt-6-astra         10      50      1       12.50
gpt-6-sol           2       10      0.20    2.50
gpt-6-luna          0.10    0.50    0.01    0.125
gpt-5[.]6-sol       4       20      0.40    5
gpt-5[.]6-terra     2       12      0.20    2.50
gpt-5[.]6-luna      0.20    1.20    0.02    0.25
gpt-5[.]5           5       30      0.50
gpt-5[.]5-pro       30      180
gpt-5[.]4           2.50    15      0.25
gpt-5[.]4-mini      0.75    4.50    0.075
gpt-5[.]4-nano      0.20    1.25    0.02
gpt-5[.]4-pro       30      180
gpt-5[.]2           1.75    14      0.175
gpt-5[.]2-pro       21      168
gpt-5[.]1           1.25    10      0.125
gpt-5[.]1-codex     1.25    10      0.125
gpt-5               1.25    10      0.125
gpt-5-codex         1.25    10      0.125
gpt-5-mini          0.25    2       0.025
gpt-5-nano          0.05    0.40    0.005
gpt-5-pro           15      120
gpt-4[.]1           2       8       0.50
gpt-4[.]1-mini      0.40    1.60    0.10
gpt-4[.]1-nano      0.10    0.40    0.025
gpt-4o              2.50    10      1.25
gpt-4o-mini         0.15    0.60    0.075
gpt-3[.]5-turbo     0.50    1.50
o4-mini             1.10    4.40    0.275
o3                  2       8       0.50
o3-mini             1.10    4.40    0.55
o3-pro              20      80
o1                  15      60      7.50
o1-pro              150     600
text-embedding-3-small  0.02    0
text-embedding-3-large  0.13    0
"""
_GEMINI = """
gemini-3[.]6-flash          1.50    7.50
gemini-3[.]5-flash          1.50    9
gemini-3[.]5-flash-lite     0.30    2.50
gemini-2[.]5-flash          0.30    2.50    0.03
gemini-2[.]5-flash-lite     0.10    0.40    0.01
"""
_MISTRAL = """
mistral-large-3*    0.50    1.50
mistral-medium-3*   1.50    7.50
mistral-small-4*    0.15    0.60
codestral*          0.30    0.90
ministral-3-14b*    0.20    0.20
ministral-3-8b*     0.15    0.15
ministral-3-3b*     0.10    0.10
"""
_GROQ = """
gpt-oss-120b            0.15    0.60
gpt-oss-20b             0.075   0.30
llama-3[.]3-70b-*       0.59    0.79
llama-3[.]1-8b-*        0.05    0.08
"""


def tiers() -> tuple[Tier, ...]:
    """
    What is served otherwise at a known price. Priority has a price of its own for each model, and is not in it.

    OpenAI and Azure bill flex as batches, half of the standard price; Anthropic's batches are half, too; Groq's flex
    costs what its on-demand does.
    """
    half = [
        Tier(provider, name, 50) for provider in ("openai", "*.openai.com", "*azure*") for name in ("flex", "batch")
    ]
    return (*half, Tier("*anthropic*", "batch", 50), Tier("*groq*", "flex", 100))


def rows() -> tuple[Row, ...]:
    """The list; the first row that fits counts."""
    return (
        Row("claude-haiku-5-5", _tiered("0.10 0.50 0.01 0.125 0.20", 100_000, "0.50 2.50 0.05 0.625 1")),
        *_rows(_CLAUDE),
        *_rows(_OPENAI, long_from=272_000),
        Row("gemini-3[.]1-pro*", _tiered("2 12 0.20", 200_000, "4 18 0.40")),
        Row("gemini-2[.]5-pro", _tiered("1.25 10 0.125", 200_000, "2.50 15 0.25")),
        *_rows(_GEMINI),
        Row("grok-4[.]3*", _price("1.25 2.50 0.20", varies=True)),  # above 200,000 tokens it costs otherwise
        Row("deepseek-v4-pro*", _price("0.66 1.98 0.022", varies=True), "*deepseek*"),  # twice as much at peak hours
        Row("deepseek-*flash*", _price("0.15 0.60 0.003", varies=True), "*deepseek*"),
        *_rows(_MISTRAL, provider="*mistral*"),
        *_rows(_GROQ, provider="*groq*"),
    )


def _rows(lines: str, *, provider: str = "*", long_from: int | None = None) -> list[Row]:
    found = []
    for line in lines.strip().splitlines():
        pattern, _, amounts = line.partition(" ")
        found.append(Row(pattern, _openai(amounts, long_from) if long_from else _price(amounts), provider))
    return found


def _openai(amounts: str, long_from: int) -> Price:
    """Where writing into the cache is billed, long prompts cost more: what is read twice, what is made half more."""
    short = _price(amounts)
    if short.cache_write is None or short.cache_read is None:
        return short
    long = Price(short.input * 2, short.output * 3 // 2, short.cache_read * 2, short.cache_write * 2)
    return replace(short, above=long_from, long=long)


def _tiered(amounts: str, above: int, long: str) -> Price:
    return replace(_price(amounts), above=above, long=_price(long))


def _price(amounts: str, *, varies: bool = False) -> Price:
    names = ("input", "output", "cache_read", "cache_write", "cache_write_1h")
    return replace(price(dict(zip(names, amounts.split(), strict=False)), "the price list"), varies=varies)
