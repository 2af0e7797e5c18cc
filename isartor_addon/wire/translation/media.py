"""Pictures and documents, said as far as each wire can."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from isartor_addon.core.errors import Untranslatable
from isartor_addon.core.prompt import Document, Image, Part, Text

_BY_ENDING: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "txt": "text/plain",
}
_BY_BEGIN: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
)
"""Base64 of the bytes with which the formats begin."""
PDF: Final = "application/pdf"


def public(part: Image | Document) -> Image | Document:
    """
    The part itself, if another provider can read it.

    Raises:
        Untranslatable: its URL points into one provider's own store, or it holds nothing.
    """
    if part.url and (
        not part.url.startswith(("https://", "http://")) or "generativelanguage.googleapis.com" in part.url
    ):
        raise Untranslatable("a file in a provider's own store")
    if not part.url and not (part.data and part.media_type):
        raise Untranslatable("a file without content or type")
    return part


def typed(part: Image | Document) -> Image | Document:
    """
    The part with a media type, taken from how its URL ends where nothing else says it.

    Raises:
        Untranslatable: it cannot be told.
    """
    if part.media_type:
        return part
    ending = part.url.partition("?")[0].rpartition(".")[2].lower()
    media_type = _BY_ENDING.get(ending)
    if media_type is None:
        raise Untranslatable("a file whose type cannot be told from its URL")
    if isinstance(part, Image):
        return Image(part.data, media_type, part.url)
    return Document(part.data, media_type, part.url, part.name)


def as_text(part: Part) -> Part:
    """A document that is plain text, as text with its name before it; anything else as it is."""
    if not isinstance(part, Document) or not part.data or not part.media_type.startswith("text/"):
        return part
    try:
        words = b64decode(part.data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Untranslatable("a text document that is not UTF-8") from error
    return Text(f"{part.name}\n\n{words}" if part.name else words)


def sniffed(part: Image) -> Image:
    """
    A picture with the media type that its first bytes show, for wires that say none.

    Raises:
        Untranslatable: they show none that is known.
    """
    media_type = part.media_type or next((kind for begin, kind in _BY_BEGIN if part.data.startswith(begin)), "")
    if not media_type:
        raise Untranslatable("a picture of an unknown type")
    return Image(part.data, media_type, part.url)
