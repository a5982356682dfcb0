"""Whatever happens to a good file, it loads or says where it is wrong; nothing else is raised."""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest
from declaration_texts import GOOD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limen.product import DeclarationError, declaration_schema, load_declaration
from limen.product.tree import read_tree

PLAIN = read_tree(GOOD, "limen.yaml")[0].plain()
CALM = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def paths(value, here=()):
    """Every place in a tree, the root left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*here, key)
        if isinstance(inner, (dict, list)):
            yield from paths(inner, (*here, key))


PATHS = list(paths(PLAIN))
SCHEMA = jsonschema.Draft202012Validator(declaration_schema())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70000),
    st.sampled_from([10**30, -(10**400), 2**63, 1e300, float("nan"), float("inf"), 0.5, -0.0]),
    st.floats(),
    st.sampled_from(["5 mm", "5 mL", "5 kg", "30 %", "0x1F", "no", "1e-3", "", " ", "CT", "nodule",
                     "softmax", "labels", "segmentation", "instances", "development", "window"]),
    st.text(max_size=8),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["from", "to", "onnx", "measure", "lesion", "x"]), inner),
    ),
    max_leaves=4,
)


def check(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        loaded = load_declaration(path)
    except DeclarationError as error:
        assert error.problems
        last = len(path.read_bytes().decode("utf-8", "replace").splitlines()) or 1
        for problem in error.problems:
            assert 1 <= problem.line <= last, problem
            assert problem.column is None or problem.column >= 1
            assert problem.expected
            assert "\n" not in str(problem)
        json.dumps([p.as_dict() for p in error.problems], allow_nan=False)
        return None
    json.dumps(loaded.model_dump(mode="json", by_alias=True), allow_nan=False)
    return loaded


def mutated(place, value, how):
    tree = copy.deepcopy(PLAIN)
    inner = tree
    for key in place[:-1]:
        inner = inner[key]
    match how:
        case "delete":
            del inner[place[-1]]
        case "rename" if isinstance(inner, dict):
            inner[f"{place[-1]}x"] = inner.pop(place[-1])
        case "wrap":
            inner[place[-1]] = [inner[place[-1]]]
        case _:
            inner[place[-1]] = value
    return tree


@CALM
@given(
    st.sampled_from(PATHS), VALUES, st.sampled_from(["delete", "rename", "wrap", "set", "set"])
)  # fmt: skip
def test_any_change_of_any_value(tmp_path, place, value, how):
    # JSON is YAML, but for NaN, which YAML reads as a word
    check(tmp_path / "limen.yaml", json.dumps(mutated(place, value, how), indent=1))


@CALM
@given(st.sampled_from(PATHS), VALUES)
def test_whatever_loads_passes_the_schema(tmp_path, place, value):
    tree = mutated(place, value, "set")
    if check(tmp_path / "limen.yaml", json.dumps(tree)) is not None:
        read = read_tree((tmp_path / "limen.yaml").read_text(), "limen.yaml")[0].plain()
        SCHEMA.validate(read)


@CALM
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12),
                          st.text("{}[]:,-#&*!|>'\"%@`?~ \n\t\r0a\\é\x00\u2028", max_size=4)),
                max_size=4))  # fmt: skip
def test_any_edit_of_the_text(tmp_path, edits):
    text = GOOD
    for start, length, instead in edits:
        text = text[:start] + instead + text[start + length :]
    check(tmp_path / "limen.yaml", text)


@CALM
@given(st.binary(max_size=60))
def test_any_bytes(tmp_path, raw):
    check(tmp_path / "limen.yaml", raw)


@pytest.mark.parametrize("cut", range(0, len(GOOD), 41))
def test_a_file_cut_anywhere(tmp_path, cut):
    check(tmp_path / "limen.yaml", GOOD[:cut])
