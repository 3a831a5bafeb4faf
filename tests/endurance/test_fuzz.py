import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_damaged_inputs_give_an_answer_or_one_clear_line():
    command = [sys.executable, "-m", "tests.endurance.fuzz", "--cases", "300"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("300 cases, 0 faults\n")
