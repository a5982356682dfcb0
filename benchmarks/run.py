"""Run every benchmark and print its table; with --json, one list of all figures.

Each script measures its peer in the same run and fails loudly when the peer is missing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "start.py",
    "stale.py",
    "measures.py",
    "leakage.py",
    "bootstrap.py",
    "physics_mr.py",
    "demo.py",
    "evidence.py",
    "physics_oct.py",
    "physics_ct.py",
    "ct_readings.py",
    "boundary.py",
    "explain.py",
    "guard.py",
)


def main() -> None:
    as_json = "--json" in sys.argv
    every: list[dict[str, object]] = []
    failed = []
    for script in SCRIPTS:
        command = [sys.executable, str(HERE / script), *(["--json"] if as_json else [])]
        if as_json:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode == 0:
                every += json.loads(done.stdout)
        else:
            print(f"\n{script}", flush=True)
            done = subprocess.run(command)
        if done.returncode != 0:
            failed.append(script)
    if as_json:
        print(json.dumps(every, indent=2))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
