"""Tables that the in-silico makers write beside their images."""

from __future__ import annotations

import csv
import io
from typing import Any


def listing_csv(rows: list[dict[str, Any]]) -> bytes:
    """A table as CSV; the first row (there must be one) names the columns."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
