import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def kills(*words):
    command = [sys.executable, "-m", "tests.endurance.kill", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_killed_command_leaves_nothing_half_made_and_ends_the_same_when_run_again():
    done = kills("--times", "4", "--only", "fit --resume,recalibrate in place")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("4 kills, 0 faults\n")
