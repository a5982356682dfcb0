"""A folder to load declarations from."""

from __future__ import annotations

import pytest
from declaration_texts import GOOD

from limen.product import DeclarationError, load_declaration


class Folder:
    """A product's folder with nothing but its declaration."""

    def __init__(self, path):
        self.file = path / "limen.yaml"

    def load(self, text=GOOD):
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_declaration(self.file)

    def problems(self, text):
        with pytest.raises(DeclarationError) as caught:
            self.load(text)
        return caught.value.problems

    def the_problem(self, text):
        """The only problem of a text."""
        found = self.problems(text)
        assert len(found) == 1, "\n".join(map(str, found))
        return found[0]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def good():
    return GOOD
