import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def run(*words):
    return subprocess.run([sys.executable, RUN, *words], capture_output=True, text=True)


def test_every_fault_still_applies_and_some_turn_a_test_red():
    done = run("--only", "calibration/alarms.py", "--workers", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("2 of 2 faults turned a test red\n")
