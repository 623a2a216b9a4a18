"""The command line: finds a command by its file name, and turns every error into one sentence and an exit code.

A file of ``keeper/commands/`` is a command: ``new_strategy.py`` is ``keeper new-strategy`` and holds a click command
named ``command``. The first line of the file is its one-line help, so that ``keeper --help`` imports none of them:
only click is loaded here, everything heavier when a command needs it.
"""

from __future__ import annotations

import errno
import importlib
import keyword
import os
import sys
from collections.abc import Sequence

import click

from keeper import __version__

FOLDER = os.path.join(os.path.dirname(__file__), "commands")  # noqa: PTH118, PTH120 - pathlib costs a third of --help
UNEXPECTED, INTERRUPTED = 1, 130
DEBUG_VARIABLE = "KEEPER_DEBUG"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def command_names() -> list[str]:
    """Every command there is, from the file names alone."""
    files = os.listdir(FOLDER)  # noqa: PTH208
    return sorted(_command(file[:-3]) for file in files if file.endswith(".py") and file[0] != "_")


def _command(module: str) -> str:
    """``new_strategy`` is ``new-strategy``; ``import_`` is ``import``, which no module can be called."""
    return module.rstrip("_").replace("_", "-")


def _module(command: str) -> str:
    module = command.replace("-", "_")
    return module + "_" if keyword.iskeyword(module) else module


def one_line_help(name: str) -> str:
    """The first line of the command's file, without importing it."""
    path = os.path.join(FOLDER, _module(name) + ".py")  # noqa: PTH118
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        return file.readline().strip().strip('"').strip()


class LazyGroup(click.Group):
    """Commands are imported when they are run, never to be listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return command_names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in command_names():
            return None
        module = importlib.import_module("keeper.commands." + _module(cmd_name))
        command: click.Command = module.command
        command.short_help = one_line_help(cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in command_names():
            raise click.UsageError(f"there is no command {name!r}{_nearest(name, command_names())}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        rows = [(name, one_line_help(name)) for name in command_names()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Start with `keeper demo`: the whole thing on this machine, with no account, key or network.",
)
@click.version_option(__version__, prog_name="keeper", message="%(prog)s %(version)s")
def keeper() -> None:
    """Range Keeper: manages Uniswap v3-style concentrated liquidity within the limits you set."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code. The only place where an error becomes text for a person."""
    from keeper.errors import KeeperError

    try:
        result = keeper.main(args=arguments, prog_name="keeper", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _left_alone()
    except SystemExit as stop:
        # Where rich was writing, that is how it tells of a broken pipe; nothing else here raises it.
        if isinstance(stop.__context__, BrokenPipeError):
            return _left_alone()
        raise
    except KeeperError as error:
        return _trace_or_say(error, str(error), error.exit_code)
    except OSError as error:
        if error.errno not in _NO_SPACE:
            return _unexpected(error)
        _silence_stdout()
        return _say(_without_secrets(f"no space is left on the disk{_of(error)}: make room and try again"), 2)
    except Exception as error:  # noqa: BLE001 - the last line of defence between a defect and a user
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    sentence = f"unexpected {type(error).__name__}: {error} (set {DEBUG_VARIABLE}=1 to see where it comes from)"
    return _trace_or_say(error, sentence, UNEXPECTED)


def _left_alone() -> int:
    """The reader of our pipe has left (`| head`): nobody is to be told anything."""
    _silence_stdout()
    return 0


def _silence_stdout() -> None:
    """It must not complain once more when Python closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of(error: OSError) -> str:
    return f" of {error.filename}" if error.filename else ""


def _usage(error: click.UsageError) -> int:
    command = error.ctx.command_path if error.ctx is not None else "keeper"
    return _say(f"{error.format_message().rstrip('.')}; see `{command} --help`", 2)


def _trace_or_say(error: BaseException, sentence: str, code: int) -> int:
    if os.environ.get(DEBUG_VARIABLE):
        import traceback

        click.echo(_without_secrets("".join(traceback.format_exception(error))), err=True)
    return _say(_without_secrets(sentence), code)


def _without_secrets(text: str) -> str:
    from keeper.redaction import printable, redact

    # Hashes stay: an operator needs them, and a key never comes this far (its holder does not put it into errors).
    return printable(redact(text, keep_hashes=True))


def _say(sentence: str, code: int) -> int:
    click.echo(f"{click.style('Error:', fg='red')} {sentence}", err=True)
    return code


def _nearest(name: str, known: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
