"""What may be loaded before it is needed: nothing heavy, so that the command line stays quick."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer

from limen.cli.app import build
from limen.cli.verbs import VERBS, file_of, overview

HEAVY = {
    "numpy", "scipy", "numba", "llvmlite", "onnxruntime", "onnx", "matplotlib", "pydicom",
    "highdicom", "nibabel", "nrrd", "polars", "torch", "monai", "PIL", "jinja2", "contourpy",
    "pint", "loky",
}  # fmt: skip
MOST_MODULES = {"import limen": 120, "limen --help": 120}
"""sys.modules after each, over a bare interpreter: measured 2026-11 plus a quarter."""


def _loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nimport json\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("import limen", "import limen"),
        (
            "limen --help",
            "from limen.cli import main\nsys.argv = ['limen', '--help']\n"
            "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code",
        ),
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(name, code):
    loaded = _loaded_by(code)
    assert not {m.partition(".")[0] for m in loaded} & HEAVY
    assert len(loaded - _loaded_by("pass")) <= MOST_MODULES[name]


def test_each_verb_has_help_that_loads_nothing_heavy():
    for verb in [verb for group in VERBS.values() for verb in group]:
        loaded = _loaded_by(
            f"from limen.cli import main\nsys.argv = ['limen', {verb!r}, '--help']\n"
            "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code"
        )
        assert not {m.partition(".")[0] for m in loaded} & HEAVY, verb


def test_the_table_of_verbs_is_what_the_files_of_verbs_add():
    listed = {verb: file for group in VERBS.values() for verb, (file, _) in group.items()}
    assert set(typer.main.get_command(build()).commands) == set(listed)
    for verb, file in listed.items():
        assert verb in typer.main.get_command(build(file)).commands, (verb, file)
        assert file_of(verb) == file


def test_the_help_has_each_verb_on_one_line_of_the_terminal():
    for group in VERBS.values():
        for verb, (_, line) in group.items():
            assert f"  {verb:<9} {line}" in overview().splitlines()
    assert max(map(len, overview().splitlines())) <= 80
