"""python -m poleward: the command line, also for `torchrun -m poleward`."""

from poleward.cli import main

if __name__ == "__main__":
    main()
