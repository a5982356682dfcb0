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


# Forks of one interpreter: each file of verbs starts from what `limen` itself has loaded, and
# from no other file's modules.
EACH_VERB = """
import json, os, sys
import typer
from limen.cli import main
heavy, files = set(json.loads(sys.argv[1])), json.loads(sys.argv[2])
for verbs in files:
    if not os.fork():
        for verb in verbs:
            sys.argv = ['limen', verb, '--help']
            try:
                main()
            except SystemExit as e:
                found = sorted(heavy & {m.partition('.')[0] for m in sys.modules})
                print(verb, e.code, found, file=sys.stderr, flush=True)
        os._exit(0)
    os.wait()
"""


def test_each_verb_has_help_that_loads_nothing_heavy():
    files: dict[str, list[str]] = {}
    for verb in [verb for group in VERBS.values() for verb in group]:
        files.setdefault(file_of(verb), []).append(verb)
    given = [json.dumps(sorted(HEAVY)), json.dumps(list(files.values()))]
    done = subprocess.run(
        [sys.executable, "-c", EACH_VERB, *given], capture_output=True, text=True, check=True
    )
    told = [f"{verb} 0 []" for verbs in files.values() for verb in verbs]
    assert done.stderr.splitlines() == told


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
