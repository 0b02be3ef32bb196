"""Documents that tests create."""

import json
from typing import Any

PREFERENCES = "SSM-SessionManagerRunShell"


def text(description: str = "", **members: Any) -> str:
    document = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "description": description, **members}
    return json.dumps(document)
