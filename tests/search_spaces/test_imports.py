"""The command line imports this package to print its help, so it must stay light."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {"yaml", "hydra", "omegaconf", "optuna", "mlflow", "numpy", "llama_cpp", "torch"}


def test_importing_every_module_imports_nothing_heavy() -> None:
    modules = [f"search_spaces.{f.stem}" for f in sorted((ROOT / "search_spaces").glob("[a-z]*.py"))]
    program = f"import {', '.join(modules)}, sys; print(*{{m.partition('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert "search_spaces" in done.stdout.split()
    assert not HEAVY & set(done.stdout.split())
