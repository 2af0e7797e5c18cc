"""
The exceptions, as a tree.

* IsartorError
  * ClientMistake         the request cannot be served as it is: 400
    * BadControl          a header that says how we are to serve it holds none of its values: 400
    * NotRecorded         it asked for a stored answer and there is none: 400
    * Offline             its answer is not here, and nothing may leave: 400
    * OverQuota           a quota does not let it go to a provider: 400
  * Lost                  a provider cannot be reached, or its reply does not come to its end
  * BadReply              what a provider sent is not a complete, well-formed answer
  * Untranslatable        one wire cannot say what the other said; nothing is dropped silently
  * KeyWithheld           a provider's key would have gone to somebody else
  * KeyUnknown            the command that is to print a provider's key prints none
  * ConfigError           a setting is wrong; the sentence names key and value
  * EmbedderError         there are no vectors to be had now
    * NotEmbeddable       the embedder cannot read this text, now or ever
  * StoreError            the store cannot be read or written now
  * TrustError            our CA, the bundle with it or the system's store of trusted roots cannot be read or written
"""

from __future__ import annotations

from typing import Literal


class IsartorError(Exception):
    """Everything this package raises on purpose."""


class ClientMistake(IsartorError):
    """The request cannot be served as it is."""

    status = 400
    code = "isartor_bad_request"


class BadControl(ClientMistake):
    """A header that says how we are to serve a request holds none of its values."""

    code = "isartor_bad_control"


class NotRecorded(ClientMistake):
    """
    The request wants a stored answer only, and none is stored.

    400 rather than 403, 429 or 5xx: those start retry storms in coding tools, 400 ends the run after one call.
    """

    code = "isartor_not_recorded"


class Offline(ClientMistake):
    """The answer is not here, and nothing may leave this machine. 400 for the same reason."""

    code = "isartor_offline"


class OverQuota(ClientMistake):
    """
    A quota does not let the request go to a provider.

    400 for the reason given at `NotRecorded`: after 429 a tool waits and asks again, until the window ends.
    """

    code = "isartor_over_quota"


class Lost(IsartorError):
    """A provider cannot be reached, or its reply does not come to its end."""

    def __init__(self, kind: Literal["connect", "timeout", "cut", "garbled", "offline", "loop"], text: str) -> None:
        """
        Args:
            kind: no connection; too long a silence; ended too early; unreadable; not to be reached; this proxy itself.
            text: a few words for people, without anything that was sent.
        """
        super().__init__(text)
        self.kind = kind


class BadReply(IsartorError):
    """What a provider sent is not a complete, well-formed answer."""


class Untranslatable(IsartorError):
    """One wire cannot say what the other said."""


class KeyWithheld(IsartorError):
    """A provider's key would have gone to somebody else, or in clear text to another machine."""


class KeyUnknown(IsartorError):
    """The command that is to print a provider's key prints none. The message holds nothing of what it printed."""


class ConfigError(IsartorError):
    """A setting is wrong. The message names the key and the value."""


class EmbedderError(IsartorError):
    """There are no vectors to be had now."""


class NotEmbeddable(EmbedderError):
    """The embedder cannot read all of a text: it is too long, or has words that the model does not know."""


class StoreError(IsartorError):
    """The store cannot be read or written now."""


class TrustError(IsartorError):
    """Our CA, the bundle with it, or the system's store of trusted roots cannot be read or written."""
