"""JSON: the whole report as one object, for programs."""

from __future__ import annotations

import json

from promptops.reports import Form, Report


class Json(Form):
    """ASCII only, so that no text in it can act on a terminal."""

    def render(self, report: Report) -> str:
        """Return the object that docs/guide/json.md describes."""
        return json.dumps(report.model_dump(mode="json"), ensure_ascii=True, indent=2) + "\n"
