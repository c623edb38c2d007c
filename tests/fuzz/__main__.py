"""`make fuzz`: python -m tests.fuzz [SECONDS] [SEED]. Further options are pytest's: -k soap."""

import os
import secrets
import sys

from scripts.steps import say


def main(arguments: list[str]) -> None:
    """Become the pytest that runs the targets. Its status is 1 where an input was not answered as
    it should be; the smallest such input is printed."""
    numbers = [word for word in arguments if word.isdigit()]
    options = [word for word in arguments if not word.isdigit()]
    seconds = numbers[0] if numbers else "600"
    seed = numbers[1] if len(numbers) > 1 else str(secrets.randbelow(10**6))
    say(f"random input for {seconds} s; SEED={seed} tries the same again")
    command = [sys.executable, "-m", "pytest", "tests/fuzz", "-n", "0", "-q", "-s", "--tb=short"]
    command += [f"--fuzz-seconds={seconds}", f"--fuzz-seed={seed}", *options]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
