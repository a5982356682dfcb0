"""External commands: real programs, in real folders, ended for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from onnx_builders import case, volume

from limen.data.errors import GeometryMismatch, UndeclaredLabel
from limen.evidence import digest_file
from limen.models import BadPrediction, CommandFailed, ModelTimeout, ModelUnreadable, open_model
from limen.product.declaration import CommandModel, Task

# What such a script looks like: nibabel, folders, every image it finds.
SEGMENT = """
import sys, pathlib, nibabel, numpy
source, target = map(pathlib.Path, sys.argv[1:3])
for path in source.glob("*.nii.gz"):
    image = nibabel.load(path)
    labels = (numpy.asarray(image.dataobj) > {threshold}).astype(numpy.uint8) * {value}
    name = path.name.replace("_0000.nii.gz", "{end}")
    nibabel.save(nibabel.Nifti1Image(labels, image.affine{moved}), target / name)
(target / "plans.json").write_text("{{}}")
"""


def script(folder: Path, **changes: object) -> None:
    given = {"threshold": 0.5, "value": 1, "end": ".nii.gz", "moved": "", **changes}
    (folder / "segment.py").write_text(SEGMENT.format(**given))


def opened(folder: Path, task: Task, *command: str, **options: object):
    command = command or (sys.executable, "segment.py", "{input}", "{output}")
    given = {"files": ["*.py"], **options}
    return open_model(CommandModel(command=list(command), **given), folder, task)


def python(folder: Path, code: str) -> tuple[str, ...]:
    (folder / "segment.py").write_text(code)
    return (sys.executable, "segment.py", "{input}", "{output}")


def refusal(kind, model, **where):
    with pytest.raises(kind) as caught:
        model.predict(case(), volume(np.zeros((4, 4, 4))))
    assert caught.value.mend
    return str(caught.value)


def left_behind() -> list[Path]:
    import tempfile

    return list(Path(tempfile.gettempdir()).glob("limen-*"))


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path_factory, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("scratch")))
    yield
    assert left_behind() == []


# --- answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [".nii.gz", ".nii"])
def test_a_program_gets_the_image_and_its_label_map_comes_back(tmp_path, rng, lesions, end):
    script(tmp_path, end=end)
    affine = np.array([[0, -0.7, 0, 5], [0.8, 0, 0, -3], [0, 0, -2.5, 90], [0, 0, 0, 1.0]])
    values = rng.random((6, 5, 4)).astype(np.float32)
    image = volume(values, affine)
    got = opened(tmp_path, lesions).predict(case(), image)
    np.testing.assert_array_equal(got.values, values > np.float32(0.5))
    assert got.values.dtype == np.uint8 and got.geometry is image.geometry


def test_the_program_sees_nnunets_name_and_runs_in_the_products_folder(tmp_path, lesions):
    code = (
        "import sys, pathlib, os, shutil\n"
        "assert os.listdir(sys.argv[1]) == ['P007_0000.nii.gz'], os.listdir(sys.argv[1])\n"
        "assert pathlib.Path('segment.py').is_file()\n"
        "shutil.copy(sys.argv[1] + '/P007_0000.nii.gz', sys.argv[2] + '/P007.nii.gz')\n"
    )
    got = opened(tmp_path, lesions, *python(tmp_path, code)).predict(
        case(), volume(np.zeros((4, 4, 4)))
    )
    assert not got.values.any()


def test_folders_may_stand_within_an_argument_and_no_shell_reads_them(tmp_path, lesions):
    code = (
        "import sys, shutil\n"
        "given = dict(a.split('=', 1) for a in sys.argv[1:3])\n"
        "assert sys.argv[3] == '$HOME; {other} *', sys.argv\n"
        "shutil.copy(given['in'] + '/P007.nii.gz', given['out'] + '/P007.nii.gz')\n"
    )
    program, name, *_ = python(tmp_path, code)
    command = (program, name, "in={input}", "out={output}", "$HOME; {other} *")
    model = opened(tmp_path, lesions, *command, input_suffix="")
    assert not model.predict(case(), volume(np.zeros((4, 4, 4)))).values.any()


def test_a_program_in_the_products_folder(tmp_path, lesions):
    script(tmp_path)
    program = tmp_path / "run"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} segment.py "$1" "$2"\n')
    model = opened(tmp_path, lesions, "./run", "{input}", "{output}")
    refusal(CommandFailed, model)  # not yet executable
    program.chmod(0o755)
    got = model.predict(case(), volume(np.ones((4, 4, 4))))
    assert got.values.all()


# --- failures ---------------------------------------------------------------------------------


def test_a_program_that_is_not_there(tmp_path, lesions):
    script(tmp_path)
    for name in ("no-such-program", "./no-such-program"):
        text = refusal(CommandFailed, opened(tmp_path, lesions, name, "{input}", "{output}"))
        assert "no-such-program" in text


def test_an_error_shows_its_last_lines_without_paths(tmp_path, lesions):
    code = (
        "import sys\n"
        "print('x' * 100000, file=sys.stderr)\n"
        "print('first\\rsecond', file=sys.stderr)\n"
        "sys.exit(f'cannot open {sys.argv[1]}/P007_0000.nii.gz or /home/meyer/data/kim.nii')\n"
    )
    text = refusal(CommandFailed, opened(tmp_path, lesions, *python(tmp_path, code)))
    assert "status 1" in text and "P007" in text
    assert "second" in text and "{input}/P007_0000.nii.gz" in text
    assert "meyer" not in text and "kim" not in text and str(tmp_path) not in text
    assert len(text) < 800


def test_a_program_that_is_killed(tmp_path, lesions):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    text = refusal(CommandFailed, opened(tmp_path, lesions, *python(tmp_path, code)))
    assert "SIGKILL" in text and "memory" in text


def alive(pid: int) -> bool:
    """Whether a process is there and not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


CHILD = (
    "import subprocess, sys, time, pathlib\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "pathlib.Path('pid').write_text(str(child.pid))\n"
    "print('working', flush=True)\n"
    "time.sleep(60)\n"
)


def ended(pid: int) -> bool:
    for _ in range(100):
        if not alive(pid):
            return True
        time.sleep(0.02)
    return False


def test_a_timeout_ends_the_program_and_all_it_started(tmp_path, lesions):
    model = opened(tmp_path, lesions, *python(tmp_path, CHILD), timeout_s=1.5)
    start = time.perf_counter()
    text = refusal(ModelTimeout, model)
    assert time.perf_counter() - start < 10
    assert "1.5 s" in text and "working" in text
    assert ended(int((tmp_path / "pid").read_text()))


def test_ctrl_c_ends_the_program_and_all_it_started(tmp_path):
    python(tmp_path, CHILD)
    code = (
        "import sys, numpy; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from onnx_builders import case, volume\n"
        "from limen.models import open_model\n"
        "from limen.product.declaration import CommandModel, Task\n"
        "command = [sys.executable, 'segment.py', '{input}', '{output}']\n"
        "model = CommandModel(command=command, files=['*.py'])\n"
        "opened = open_model(model, Path(sys.argv[1]), Task(kind='segmentation'))\n"
        "opened.predict(case(), volume(numpy.zeros((2, 2, 2))))\n"
    )
    here = str(Path(__file__).parent)
    import tempfile

    environment = {**os.environ, "TMPDIR": str(tempfile.gettempdir())}
    caller = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), here],
        stderr=subprocess.PIPE,
        env=environment,
    )
    pid_file = tmp_path / "pid"
    for _ in range(1000):
        if pid_file.exists() and pid_file.read_text():
            break
        time.sleep(0.02)
    caller.send_signal(signal.SIGINT)
    _, said = caller.communicate(timeout=20)
    assert b"KeyboardInterrupt" in said
    assert ended(int(pid_file.read_text()))


def test_no_label_map_another_name_or_more_than_one(tmp_path, lesions):
    text = refusal(BadPrediction, opened(tmp_path, lesions, *python(tmp_path, "pass")))
    assert "no label map" in text and "P007.nii.gz" in text
    script(tmp_path, end="_seg.nii.gz")
    assert "P007_seg.nii.gz" in refusal(BadPrediction, opened(tmp_path, lesions))
    code = (
        "import sys, shutil\n"
        "for name in ('P007', 'P008'):\n"
        "    shutil.copy(sys.argv[1] + '/P007_0000.nii.gz', f'{sys.argv[2]}/{name}.nii.gz')\n"
    )
    text = refusal(BadPrediction, opened(tmp_path, lesions, *python(tmp_path, code)))
    assert "more than" in text


def test_another_grid_and_undeclared_labels(tmp_path, lesions):
    script(tmp_path, moved=" @ numpy.diag([1, 1, 1.5, 1])")
    assert "P007" in refusal(GeometryMismatch, opened(tmp_path, lesions))
    script(tmp_path, threshold=-1, value=4)
    assert "4 (64 voxels)" in refusal(UndeclaredLabel, opened(tmp_path, lesions))


# --- identity ---------------------------------------------------------------------------------


def test_identity_covers_files_arguments_program_and_command_line(tmp_path, lesions):
    script(tmp_path)
    (tmp_path / "model" / "fold").mkdir(parents=True)
    (tmp_path / "model" / "fold" / "weights.pth").write_bytes(b"1")
    (tmp_path / "model" / "__pycache__").mkdir()
    (tmp_path / "model" / "__pycache__" / "x.pyc").write_bytes(b"1")

    def identity(*command, **options):
        options = {"files": ["model"], **options}
        return opened(tmp_path, lesions, *command, **options).identity(digest_file)

    first = identity()
    assert set(first) == {
        "command line",
        "labels",
        "program",
        "file model/fold/weights.pth",
        "file segment.py",
    }
    assert identity(files=["model/**/*.pth"]) == first
    assert identity(timeout_s=5.0) == first

    def changed(**options):
        now = identity(*options.pop("command", ()), **options)
        return {k for k in now.keys() | first.keys() if now.get(k) != first.get(k)}

    assert changed(input_suffix="") == {"command line"}
    command = (sys.executable, "segment.py", "{input}", "{output}", "--fast")
    assert changed(command=command) == {"command line"}
    (tmp_path / "model" / "new.txt").write_text("new")
    assert changed() == {"file model/new.txt"}
    (tmp_path / "model" / "new.txt").unlink()
    (tmp_path / "model" / "fold" / "weights.pth").write_bytes(b"2")
    assert changed() == {"file model/fold/weights.pth"}


def test_files_of_one_name_outside_of_the_product_stay_apart(tmp_path, lesions):
    product, outside = tmp_path / "product", tmp_path / "outside"
    product.mkdir()
    script(product)
    for folder in ("a", "b"):
        (outside / folder).mkdir(parents=True)
        (outside / folder / "weights.pth").write_text(folder)
    model = opened(product, lesions, files=[f"{outside}/**/*.pth"])
    found = model.identity(digest_file)
    weights = {k: v for k, v in found.items() if "weights" in k}
    assert set(weights) == {"file weights.pth", "file weights.pth (2)"}
    assert len(set(weights.values())) == 2
    assert str(tmp_path) not in str(found)


def test_a_pattern_that_matches_nothing(tmp_path, lesions):
    script(tmp_path)
    with pytest.raises(ModelUnreadable, match=r"weights/\*\.pth"):
        opened(tmp_path, lesions, files=["weights/*.pth"]).identity(digest_file)


def test_the_image_is_written_as_nibabel_reads_it(tmp_path, rng, lesions):
    """An independent reader sees the values and the place, in RAS."""
    code = (
        "import sys, shutil\n"
        "shutil.copy(sys.argv[1] + '/P007_0000.nii.gz', 'seen.nii.gz')\n"
        "sys.exit('enough')\n"
    )
    affine = np.array([[0.8, 0.1, 0, 5], [-0.1, 0.8, 0, -3], [0, 0, 2.5, 90], [0, 0, 0, 1.0]])
    values = rng.normal(0, 300, (6, 5, 4)).astype(np.float32)
    with pytest.raises(CommandFailed, match="enough"):
        opened(tmp_path, lesions, *python(tmp_path, code)).predict(case(), volume(values, affine))
    seen = nib.load(tmp_path / "seen.nii.gz")
    np.testing.assert_array_equal(np.asarray(seen.dataobj), values)
    np.testing.assert_allclose(seen.affine, np.diag([-1, -1, 1, 1]) @ affine, atol=1e-5)
