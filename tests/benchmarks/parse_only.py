"""Starts Python commands, each up to the parsing of its words; prints what they had to say as JSON.

[["-m", "benchmarks.attacks", "pgd"], …] comes on standard input, a list of sentences goes out.
"""

import argparse
import contextlib
import io
import json
import runpy
import sys


class Parsed(BaseException):
    """The words of a command are understood; nothing else is to happen."""


def understood(words):
    """Return what is wrong with a command; nothing where it is understood."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            if words[0] == "-m":
                sys.argv = words[1:]
                runpy.run_module(words[1], run_name="__main__", alter_sys=True)
            else:
                sys.argv = words
                runpy.run_path(words[0], run_name="__main__")
    except Parsed:
        return ""
    except SystemExit:
        return said.getvalue()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "It parsed no words."


def main():
    """Check the commands."""
    parse_args = argparse.ArgumentParser.parse_args

    def only(self, *words, **options):
        parse_args(self, *words, **options)
        raise Parsed

    argparse.ArgumentParser.parse_args = only
    sys.stdout.write(json.dumps([understood(words) for words in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
