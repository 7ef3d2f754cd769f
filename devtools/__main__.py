"""`python3 dev.py COMMAND`: finds the room that does it; every failure ends in a sentence."""

import importlib
import sys

from devtools.console import Stopped, say

COMMANDS = {
    "run": "start everything in one foreground process (--port N)",
    "test": "run the tests on throw-away servers (arguments go to pytest)",
    "faults": "kill, freeze and restart everything, and count rings (--minutes N --seed S)",
    "bench": "measure speed beside other schedulers (SCENARIO… --peers all|none|a,b --quick)",
    "check": "format, lint, types, import rule, migrations, deploy checks, schema",
    "manage": "run manage.py on the servers that `run` started",
    "fix": "format the code and mend what ruff can mend",
    "lock": "compile requirements/*.in to hashed locks again (needs uv)",
}


def help_text() -> str:
    """The commands, one a line."""
    lines = [f"  {name:<7} {what}" for name, what in COMMANDS.items()]
    return "\n".join(["usage: python3 dev.py COMMAND [ARGUMENTS]", "", *lines])


def main(arguments: list[str]) -> int:
    """The exit code: 0 done, 1 failed with a sentence, 2 no such command, 130 stopped by Ctrl-C."""
    command, *rest = arguments or ["help"]
    if command in {"help", "-h", "--help"}:
        say(help_text())
        return 0
    if command not in COMMANDS:
        say(f"there is no command {command!r}\n{help_text()}")
        return 2
    try:
        # imported only now: each command needs other packages
        code: int = importlib.import_module(f"devtools.{command}").main(rest)
    except Stopped as stopped:
        say(f"dev.py: {stopped}")
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
