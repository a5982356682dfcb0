"""``limen.yaml`` as a tree that still knows the place and the text of everything in it.

Built from the parser's events and not from its objects, for three reasons: every mistake can
be quoted as written; a duplicate key, an alias or a tag can be told with its line while the
rest goes on; and a plain scalar becomes a number only when YAML 1.2's core schema says so, so
that ``no``, ``1_000`` and a date stay the words they look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from limen.product.problems import Problem

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]

_DEEPEST = 16
_SHOWN = 60
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass
class Node:
    """A value, with its place.

    ``line`` and ``column`` count from 1. ``key_line`` and ``key_column`` are those of the key it
    stands under; of an item in a list, and of the whole file, they are its own.
    """

    value: dict[str, Node] | list[Node] | Scalar
    line: int
    column: int
    text: str = ""
    key_line: int = 0
    key_column: int = 0
    quoted: bool = False
    unreadable: bool = False
    """Already reported; whatever else is wrong with it would only repeat that."""

    def plain(self) -> Any:
        """The value without places, as JSON has it; None for what is unreadable."""
        if isinstance(self.value, dict):
            return {k: v.plain() for k, v in self.value.items()}
        if isinstance(self.value, list):
            return [v.plain() for v in self.value]
        return None if self.unreadable else self.value

    def at(self, path: Path) -> Node | None:
        """The node under these keys and numbers, or None."""
        here = self
        for part in path:
            if isinstance(here.value, dict) and part in here.value:
                here = here.value[str(part)]
            elif isinstance(here.value, list) and isinstance(part, int):
                if part >= len(here.value):
                    return None
                here = here.value[part]
            else:
                return None
        return here

    def nearest_at(self, path: Path) -> tuple[Node, bool]:
        """The node at the path, or its last ancestor that is there; and whether it is the node."""
        for n in range(len(path), 0, -1):
            found = self.at(path[:n])
            if found is not None:
                return found, n == len(path)
        return self, not path


def key_text(path: Path) -> str:
    """``criteria[1].at_most``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return " ".join(text.split())


def shown(text: str) -> str:
    """A text on one line, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 4] + " ..."


def read_tree(text: str, file: str) -> tuple[Node | None, list[Problem]]:
    """The tree of a YAML text, and what is wrong with it as YAML.

    Returns
    -------
    root : Node or None
        None when the text cannot be parsed to its end.
    problems : list of Problem
    """
    bad = _NOT_TEXT.search(text)
    if bad is not None:
        line, column = _place(text, bad.start())
        found = f"\\x{ord(bad.group()):02x}"
        return None, [Problem(file, line, column, "", found, "text without control characters")]
    build = _Build(text, file)
    root = build.run()
    return root, build.problems


@dataclass
class _Open:
    """A mapping or list whose end has not come yet."""

    node: Node
    start: int
    path: Path
    key: tuple[str, int, int] | None = None
    """Name and place of the key that waits for its value."""
    is_dropped: bool = False
    """Whether that key was already reported, so that its value does not count."""


@dataclass
class _Build:
    text: str
    file: str
    problems: list[Problem] = field(default_factory=list)
    _stack: list[_Open] = field(default_factory=list)
    _root: Node | None = None

    def run(self) -> Node | None:
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        documents = 0
        try:
            for event in _events(self.text):
                kind = type(event).__name__
                if kind == "DocumentStartEvent":
                    documents += 1
                    if documents > 1:
                        self._report(
                            event.start_mark, "---", "one document in the file; write no second ---"
                        )
                        return None
                elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                    if self._expects_key():
                        line = self._line(event.start_mark)
                        self._report(event.start_mark, line, "a plain word as a key")
                        return None
                    self._begin(event, {} if kind.startswith("M") else [])
                    if len(self._stack) > _DEEPEST:
                        words = f"no more than {_DEEPEST} levels of nesting"
                        self._report(event.start_mark, self._line(event.start_mark), words)
                        return None
                elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                    self._end(event)
                elif kind in ("ScalarEvent", "AliasEvent"):
                    self._scalar(event)
        except MarkedYAMLError as error:
            self._syntax(error)
            return None
        except YAMLError:
            self.problems.append(Problem(self.file, 1, None, "", shown(self.text), "YAML"))
            return None
        return self._root

    # --- events ------------------------------------------------------------------------------

    def _begin(self, event: Any, value: dict[str, Node] | list[Node]) -> None:
        mark = event.start_mark
        path = self._next_path()
        self._decorated(event, path)
        node = Node(value, mark.line + 1, mark.column + 1)
        self._stack.append(_Open(node, mark.index, path))

    def _end(self, event: Any) -> None:
        done = self._stack.pop()
        done.node.text = shown(self.text[done.start : event.end_mark.index])
        self._place_node(done.node)

    def _scalar(self, event: Any) -> None:
        mark = event.start_mark
        is_alias = type(event).__name__ == "AliasEvent"
        written = self.text[mark.index : event.end_mark.index]
        if self._expects_key():
            if is_alias:
                self._report(mark, written, "a plain word as a key; write it out, without *")
            else:
                self._decorated(event, self._stack[-1].path)
            top = self._stack[-1]
            name = written if is_alias else event.value
            top.key = (name, mark.line + 1, mark.column + 1)
            held = top.node.value
            assert isinstance(held, dict)
            top.is_dropped = is_alias or name in held
            if name in held and not is_alias:
                self._report(
                    mark,
                    name,
                    f"each key once; it is already on line {held[name].key_line}",
                    (*top.path, name),
                )
            return
        path = self._next_path()
        node = Node(None, mark.line + 1, mark.column + 1, shown(written))
        if is_alias:
            self._report(mark, written, "the value written out; limen.yaml has no aliases", path)
            node.unreadable = True
        else:
            node.unreadable = self._decorated(event, path)
            node.quoted = event.style is not None
            node.value = event.value if node.quoted else _resolved(event.value)
            if isinstance(node.value, str) and _NOT_TEXT.search(node.value):
                self._report(mark, written, "text without control characters", path)
                node.unreadable = True
        self._place_node(node)

    # --- the tree ----------------------------------------------------------------------------

    def _expects_key(self) -> bool:
        return (
            bool(self._stack)
            and isinstance(self._stack[-1].node.value, dict)
            and self._stack[-1].key is None
        )

    def _next_path(self) -> Path:
        if not self._stack:
            return ()
        top = self._stack[-1]
        if isinstance(top.node.value, list):
            return (*top.path, len(top.node.value))
        return (*top.path, top.key[0]) if top.key is not None else top.path

    def _place_node(self, node: Node) -> None:
        node.key_line, node.key_column = node.line, node.column
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        if isinstance(top.node.value, list):
            top.node.value.append(node)
            return
        assert isinstance(top.node.value, dict)
        assert top.key is not None
        name, node.key_line, node.key_column = top.key
        if not top.is_dropped:
            top.node.value[name] = node
        top.key, top.is_dropped = None, False

    # --- problems ----------------------------------------------------------------------------

    def _decorated(self, event: Any, path: Path) -> bool:
        """Report an anchor or a tag; whether there is a tag, which changes what the value is."""
        if event.anchor is not None:
            words = "the value alone; limen.yaml has no anchors"
            self._report(event.start_mark, f"&{event.anchor}", words, path)
        if event.tag is not None:
            words = "the value alone; limen.yaml has no tags"
            self._report(event.start_mark, str(event.tag), words, path)
        return event.tag is not None

    def _report(self, mark: Any, found: str, expected: str, path: Path = ()) -> None:
        self.problems.append(
            Problem(
                self.file, mark.line + 1, mark.column + 1, key_text(path), shown(found), expected
            )
        )

    def _syntax(self, error: Any) -> None:
        mark = error.problem_mark or error.context_mark
        if error.context_mark is not None and not self.text[mark.index :].strip("\0\r\n "):
            mark = error.context_mark  # what is open at the end was opened here
        line = self._line(mark)
        indent = line[: len(line) - len(line.lstrip())]
        message = str(error.problem or error.context)
        if "\t" in indent or "'\\t'" in message:
            words = "spaces to indent with; YAML allows no tabs there"
        elif "mapping values are not allowed" in message:
            words = (
                "one `key: value` a line, indented like its neighbours; text with `: ` in quotes"
            )
        else:
            context = f"{error.context}, " if error.context and error.problem else ""
            words = f"YAML; {context}{message}"
        self._report(mark, line, words)

    def _line(self, mark: Any) -> str:
        start = max(self.text.rfind("\n", 0, mark.index), self.text.rfind("\r", 0, mark.index)) + 1
        return re.split(r"[\r\n]", self.text[start:], maxsplit=1)[0]


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML

    events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
    return events


def _resolved(text: str) -> Scalar:
    """A plain scalar under the core schema of YAML 1.2."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if _INT.fullmatch(text) and len(text) < 18:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if text.lstrip("+-").lower() in (".inf", ".nan"):
        return float(text.replace(".", ""))
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _place(text: str, index: int) -> tuple[int, int]:
    before = re.split(r"\r\n|\r|\n", text[:index])
    return len(before), len(before[-1]) + 1
