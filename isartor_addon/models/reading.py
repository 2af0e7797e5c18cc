"""How texts become what the shipped model reads: token ids, in windows of at most 256. Nothing is left out silently."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from isartor_addon.core.errors import NotEmbeddable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WINDOW = 254
"""Tokens of a window, without the two marks around it: the model was trained on 256."""
MOST_WINDOWS = 4
"""A longer text takes more time than an answer from here is worth, and its vector says little of any one sentence."""
MOST_CHARACTERS = 16_384
"""Not even turned into tokens beyond; far more than `MOST_WINDOWS` of prose or code."""


_UNKNOWN = "[UNK]"


class Reader:
    """The model's tokenizer. Safe for threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """
        Args:
            tokenizer: as published; its own padding and truncation (at 128) are switched off.
        """
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        marks: Sequence[int] = tokenizer.encode("").ids
        self._begin, self._end = marks
        self._unknown = tokenizer.encode(_UNKNOWN, add_special_tokens=False).ids[0]

    def windows(self, text: str) -> list[list[int]]:
        """
        The token ids of `text`, marks included, in windows of about equal length: all of it stands in one of them.

        Raises:
            NotEmbeddable: it is longer than `MOST_WINDOWS`, or has words that the model does not know, by which it
                cannot tell two texts apart.
        """
        if len(text) > MOST_CHARACTERS:
            raise NotEmbeddable(
                f"the text is too long to be embedded: {len(text)} characters, at most {MOST_CHARACTERS}"
            )
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        unknown = ids.count(self._unknown)
        if unknown:
            raise NotEmbeddable(f"the text has words that the model does not know: {unknown} of {len(ids)} tokens")
        count = max(1, -(-len(ids) // WINDOW))
        if count > MOST_WINDOWS:
            raise NotEmbeddable(
                f"the text is too long to be embedded: {len(ids)} tokens, at most {MOST_WINDOWS * WINDOW}"
            )
        edges = [len(ids) * place // count for place in range(count + 1)]
        return [[self._begin, *ids[begin:end], self._end] for begin, end in pairwise(edges)]
