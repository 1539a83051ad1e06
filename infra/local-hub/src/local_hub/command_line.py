"""Command lines that say of a mistake one line, where argparse prints the whole usage before it."""

import argparse
from typing import NoReturn


class CommandLine(argparse.ArgumentParser):
    """A parser like its base, whose complaint ends with where to read more."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with 2."""
        self.exit(2, f"error: {message}. See: {self.prog} --help\n")
