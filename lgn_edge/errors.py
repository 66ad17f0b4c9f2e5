"""The errors a user can meet.

Every message is one sentence that says what is wrong, where, and how to mend it. The command line prints it without a
traceback and exits with `exit_code`; a library caller catches `LgnError` or one of its children.
"""

from __future__ import annotations


class LgnError(Exception):
    """Base of every error that lgn-edge raises on purpose."""

    exit_code = 3


class InputError(LgnError):
    """The caller's input is wrong: a missing file, a broken model, an impossible option."""

    exit_code = 2


class MissingDataError(InputError):
    """Files of a data set are not there, and cannot be downloaded."""


class UnsupportedError(LgnError):
    """The input is legal, but this version does not handle it."""

    exit_code = 2


class MissingProgramError(LgnError):
    """A program or package that the job needs is not installed; the message names what to install."""

    exit_code = 2


class InvariantError(LgnError):
    """Something that no input can cause has happened: a defect of lgn-edge."""

    exit_code = 3
