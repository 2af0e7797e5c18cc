"""Gemini's own schemas, which are OpenAPI's, as JSON Schema.

Gemini takes JSON Schema too (`parametersJsonSchema`, `responseJsonSchema`), so nothing need be turned the other way.
Source: the `Schema` object of the Gemini API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isartor_addon.core.prompt import Json

_NAMES: Final[Mapping[str, str]] = {
    "any_of": "anyOf",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
}
"""Google's other spelling of fields."""
_NUMBERS: Final = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
"""Fields that Google writes as text."""
_NESTED: Final = ("items", "additionalProperties")
_MAPS: Final = ("properties", "$defs", "defs")
_LISTS: Final = ("anyOf", "prefixItems")
_ORDER: Final = ("propertyOrdering", "property_ordering")
"""In which order the model writes fields; JSON Schema has no word for it, and a JSON object no order."""


def json_schema(schema: Json) -> Json:
    """The same schema in JSON Schema's words; what is in them already stays as it is."""
    if not isinstance(schema, dict):
        return schema
    written: dict[str, Json] = {}
    for name, value in schema.items():
        if name in _ORDER or name == "nullable":
            continue
        spelled = _NAMES.get(name, str(name))
        written[spelled] = _field(spelled, value)
    if schema.get("nullable") is True:
        return _nullable(written)
    return written


def _field(name: str, value: Json) -> Json:
    if name == "type" and isinstance(value, str):
        return value.lower()
    if name in _NUMBERS and isinstance(value, str) and value.isdecimal():
        return int(value)
    if name in _NESTED:
        return json_schema(value)
    if name in _MAPS and isinstance(value, dict):
        return {key: json_schema(each) for key, each in value.items()}
    if name in _LISTS and isinstance(value, list):
        return [json_schema(each) for each in value]
    return value


def _nullable(schema: dict[str, Json]) -> dict[str, Json]:
    kind = schema.get("type")
    if not isinstance(kind, str):
        return {"anyOf": [schema, {"type": "null"}]}
    values = {"enum": [*schema["enum"], None]} if isinstance(schema.get("enum"), list) else {}
    return {**schema, "type": [kind, "null"], **values}
