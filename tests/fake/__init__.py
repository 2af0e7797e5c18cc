"""A fake LLM provider: every wire the proxy knows, on loopback, with faults on demand and a record of what arrived."""

from tests.fake.certificates import Authority
from tests.fake.plan import END, Call, Plan
from tests.fake.provider import Provider

__all__ = ["END", "Authority", "Call", "Plan", "Provider"]
