"""The two kinds of error a user meets. Everything else is a bug and shows a traceback with ``--debug``."""


class CytobenchError(Exception):
    """The work failed: exit code 1. The message names what failed, the value and the way out."""

    exit_code = 1


class UserError(CytobenchError):
    """A user's mistake (an option, a name, a file): exit code 2."""

    exit_code = 2
