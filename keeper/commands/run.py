"""Run the daemon: every strategy takes its turns until SIGTERM or Ctrl-C; strategy files may be edited meanwhile."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import click

from keeper.commands._options import config_option

# The journal is crash-only: what a cycle left open is settled at the next start. 3: something outside timed out.
UNFINISHED_EXIT_CODE = 3


@click.command(epilog="Example:  keeper run --dry-run")
@config_option
@click.option("--dry-run", is_flag=True, help="Prepare and simulate, never sign; in a journal of its own.")
def command(config: Path, dry_run: bool) -> None:
    """Run the daemon: every strategy takes its turns until SIGTERM or Ctrl-C; strategy files may be edited meanwhile.

    Events go to stderr: for people on a terminal, else one JSON object per line. The running cycle is finished before
    the end; a second signal ends at once.
    """
    from keeper import telemetry
    from keeper.assembly_fleet import open_fleet
    from keeper.commands._describing import describing
    from keeper.config import load_keeper
    from keeper.config_reload import StrategyFiles
    from keeper.config_strategies import require_strategies
    from keeper.daemon import Daemon

    loaded = replace(load_keeper(config), dry_run=dry_run)
    files = StrategyFiles(loaded)
    require_strategies(files.strategies, loaded)
    telemetry.configure()
    unused = [*loaded.warnings, *(warning for file in files.strategies for warning in file.warnings)]
    if unused:
        telemetry.config_unused([str(warning) for warning in unused])
    stop = threading.Event()
    with open_fleet(loaded, files.strategies, stop, describe=describing(lambda: files.strategies)) as fleet:
        clean = Daemon(fleet, mode=loaded.mode, look=files.changed, stop=stop).run()
        if not clean:
            os._exit(UNFINISHED_EXIT_CODE)  # its thread would keep the process alive
