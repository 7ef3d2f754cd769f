"""What the bodies look like, for OpenAPI: JSON Schemas from the table that reads them."""

from typing import Any

from scheduled_calls.bulk import BULK_FIELDS
from scheduled_calls.drafts import REQUIRED
from scheduled_calls.fields import FIELDS, PAUSE_FIELDS, request_schema


def _body(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"application/json": schema}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


_EVERY = {name: field.schema for name, field in FIELDS.items()}

ONE_TIME = _body(request_schema("one_time", REQUIRED["one_time"]))
RECURRING = _body(request_schema("recurring", REQUIRED["recurring"]))
PREVIEW = _body(
    {
        **_object(_EVERY | {"count": {"type": "integer", "minimum": 1, "maximum": 366}}),
        "required": ["agent_id", "phone_number"],
    }
)
#: a row of many calls: one of the two kinds, which it may also name
_ROW = {"kind": {"type": ["string", "null"], "enum": ["one_time", "recurring", None]}}
BULK = _body(
    {
        **_object({name: field.schema for name, field in BULK_FIELDS.items()}),
        "required": ["calls"],
    }
)
BULK["application/json"]["properties"]["calls"] |= {
    "description": "One-time and recurring calls mixed: each names scheduled_time or"
    " cron_expression. A batch_id of its own stays; the others get the batch's.",
    "items": {
        **_object(_EVERY | _ROW),
        "required": ["agent_id", "phone_number"],
    },
}
#: read-only fields of an answer may come back, so others than these are allowed
CHANGE = _body({**_object(_EVERY), "additionalProperties": True})
PAUSE = _body(_object({name: field.schema for name, field in PAUSE_FIELDS.items()}))
RESUME = _body(_object({"reason": PAUSE_FIELDS["reason"].schema}))
