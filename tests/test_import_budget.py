"""What may be loaded before it is needed: nothing heavy, so that the command line stays quick."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer

HEAVY = {
    "numpy", "scipy", "numba", "llvmlite", "onnxruntime", "onnx", "matplotlib", "pydicom",
    "highdicom", "nibabel", "nrrd", "polars", "torch", "monai", "PIL", "jinja2", "contourpy",
    "pint", "loky",
}  # fmt: skip
MOST_MODULES = {"import limen": 120, "limen --help": 420}
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
    from limen.cli.app import app

    verbs = list(typer.main.get_command(app).commands)
    wanted = {"new", "check", "run", "evaluate", "report", "status", "train", "demo", "examples"}
    assert wanted <= set(verbs)
    for verb in verbs:
        loaded = _loaded_by(
            f"from limen.cli import main\nsys.argv = ['limen', {verb!r}, '--help']\n"
            "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code"
        )
        assert not {m.partition(".")[0] for m in loaded} & HEAVY, verb
