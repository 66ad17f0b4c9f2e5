"""The command line: `lgn-edge COMMAND`.

Exit codes: 0 done (and, for verify, equal), 1 checked and different, 2 the user's mistake, 3 a defect of lgn-edge,
130 interrupted (Ctrl-C), 143 terminated (`kill`).
"""

from __future__ import annotations

import signal
import sys
import traceback
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from lgn_edge._version import __version__
from lgn_edge.cli.build import EXAMPLES as BUILD_EXAMPLES
from lgn_edge.cli.build import build
from lgn_edge.cli.console import discard, open_streams, set_talk
from lgn_edge.cli.demo import EXAMPLES as DEMO_EXAMPLES
from lgn_edge.cli.demo import demo
from lgn_edge.cli.export import EXAMPLES as EXPORT_EXAMPLES
from lgn_edge.cli.export import export
from lgn_edge.cli.inspect import EXAMPLES as INSPECT_EXAMPLES
from lgn_edge.cli.inspect import inspect
from lgn_edge.cli.run import EXAMPLES as RUN_EXAMPLES
from lgn_edge.cli.run import run
from lgn_edge.cli.targets import EXAMPLES as TARGETS_EXAMPLES
from lgn_edge.cli.targets import targets
from lgn_edge.cli.train import EXAMPLES as TRAIN_EXAMPLES
from lgn_edge.cli.train import train
from lgn_edge.cli.verify import EXAMPLES as VERIFY_EXAMPLES
from lgn_edge.cli.verify import verify
from lgn_edge.errors import LgnError
from lgn_edge.words import printable

UNEXPECTED: Final = 3
INTERRUPTED: Final = 130
TERMINATED: Final = 143
BROKEN_PIPE: Final = 141
_TALK: Final = ("quiet", "verbose", "debug")  # options that are said before a command, or behind it

_EXAMPLES: Final = """\b
A first look, from images to firmware in a few minutes:
  lgn-edge demo

\b
The same by hand:
  lgn-edge train digits -o run
  lgn-edge export run -o model.onnx
  lgn-edge build model.onnx --target cortex-m4 -o firmware
  lgn-edge verify model.onnx --checkpoint run --artifact firmware

\b
Exit codes: 0 done, 1 checked and different, 2 a mistake in what was asked,
3 a defect of lgn-edge, 130 interrupted, 143 terminated."""


class _Terminated(KeyboardInterrupt):
    """The process was asked to end: like an interrupt, so that nothing half-written and no child process is left."""


_STOPPED: Final = (("interrupted", INTERRUPTED), ("terminated", TERMINATED))


def _terminate(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what clears up is not disturbed
    raise _Terminated


class _Commands(TyperGroup):
    """Turns what a command raises into one line and an exit code; its options of talk are every command's."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        shared = [option for option in self.params if option.name in _TALK]
        for each in self.commands.values():
            each.params += shared

    def main(self, *arguments: Any, **settings: Any) -> Any:
        try:
            return super().main(*arguments, **settings)
        except LgnError as error:  # of --help and --version; what a command raises, `invoke` turns into an exit
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.exit_code)

    def invoke(self, ctx: Any) -> Any:
        from lgn_edge.files import working_folder

        try:
            try:
                working_folder()
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # a reader that has gone shows here, not when Python exits
        except LgnError as error:
            _fail(f"error: {error}", error.exit_code, _debug(ctx))
        except KeyboardInterrupt as stopped:
            _fail(*_STOPPED[isinstance(stopped, _Terminated)], debug=False)
        except MemoryError as error:
            what = f" ({' '.join(str(error).split())})" if str(error) else ""
            _fail(f"error: there is not enough memory for what was asked{what}; ask for less", 2, _debug(ctx))
        except BrokenPipeError:
            raise typer.Exit(BROKEN_PIPE) from None
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("typer", "click"):
                raise
            debug = _debug(ctx)
            what = " ".join(f"{type(error).__name__}: {error}".split())
            hint = "" if debug else " (lgn-edge --debug ... shows where)"
            _fail(f"error: a defect of lgn-edge, please report it: {what}{hint}", UNEXPECTED, debug)


def _fail(message: str, code: int, debug: bool) -> NoReturn:
    if debug:
        traceback.print_exc()
    try:
        print(*map(printable, message.splitlines()), sep="\n", file=sys.stderr, flush=True)
    except OSError:  # the code still says it
        discard(sys.stderr.fileno())
    raise typer.Exit(code) from None


def _debug(context: typer.Context) -> bool:
    return bool(context.meta.get("debug"))


app = typer.Typer(
    name="lgn-edge",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: the same in a file, a pipe and a terminal, and no import of rich
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXAMPLES,
)
app.command(epilog=TRAIN_EXAMPLES)(train)
app.command(epilog=EXPORT_EXAMPLES)(export)
app.command(epilog=BUILD_EXAMPLES)(build)
app.command(epilog=RUN_EXAMPLES)(run)
app.command(epilog=VERIFY_EXAMPLES)(verify)
app.command(epilog=INSPECT_EXAMPLES)(inspect)
app.command(epilog=TARGETS_EXAMPLES)(targets)
app.command(epilog=DEMO_EXAMPLES)(demo)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"lgn-edge {__version__}")
        raise typer.Exit


def _talk(context: typer.Context, option: typer.CallbackParam, asked: bool) -> None:
    """Take an option of talk, said before a command or behind it."""
    meta = context.meta
    meta[option.name] = asked or meta.get(option.name, False)
    set_talk(quiet=meta.get("quiet", False), verbose=meta.get("verbose", False))


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", callback=_talk, expose_value=False, help="Say nothing but what went wrong.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", callback=_talk, expose_value=False, help="Say more, such as what took how long."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", callback=_talk, expose_value=False, help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Logic gate networks on real devices: train, export to ONNX, compile, and prove every form bit-exact."""


def main() -> None:
    """Run the command line and exit."""
    open_streams()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(prog_name="lgn-edge")
    except KeyboardInterrupt as stopped:  # before a command has begun, or when it has ended
        sys.exit(_STOPPED[isinstance(stopped, _Terminated)][1])
