"""What the house's Python scripts share: bench/run, tests/campaign, tests/coverage_report."""
import difflib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Failure(Exception):
    """A script cannot do what it was asked; the text says why."""


def start(program, main):
    """Run main() as `program`; its result is the status. A Failure is told in one line, not as a traceback."""
    try:
        sys.exit(main())
    except (Failure, OSError, ValueError, subprocess.SubprocessError) as failure:
        sys.stdout.flush()
        print(f"{program}: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def help_wanted(text):
    """Print `text` and end, if the arguments ask for help."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(text.strip())
        sys.exit(0)


def quietly(*command):
    """Run `command` in the root, silent unless it fails: then what it said, without the compiled files' names."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if not re.match(r"\[\d+/\d+\] (Building|Linking)", line)]
        sys.stdout.flush()
        print("\n".join(lines[-60:]), file=sys.stderr)
        raise Failure(f"{' '.join(command)}: {ending(done.returncode)} (above)")


def ending(status):
    """How a program with this returncode ended, in words."""
    return f"signal {-status}" if status < 0 else f"status {status}"


def build(preset, install, target=None):
    """Configure and build `preset`, with the packages of deploy/install `install`."""
    quietly("deploy/install", install)
    quietly("cmake", "--preset", preset)
    quietly("cmake", "--build", "--preset", preset, *(("--target", target) if target else ()))


def unknown(kind, name, known):
    """The complaint about a wrong name: the nearest right one, and all there are."""
    nearest = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    return f"no {kind} '{name}'{hint}\nThere are: {', '.join(known)}"


def commit():
    """The short hash of the commit, "+changes" when the tree holds more than that (kept figures aside)."""
    try:
        short = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", ".", ":!bench/baseline", ":!tests/campaigns.json")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return short + "+changes" * bool(changed)


def _git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout.strip()
