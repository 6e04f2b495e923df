"""The clients: how each is installed, and the command that starts its adapter."""
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # Debian's: its packages are not for another one


class Missing(Exception):
    """The client cannot be had here; the text says why."""


def debian_python(name, module):
    """A client that is a Debian package of Python's."""
    def install(_build):
        if not Path(PYTHON).exists() or subprocess.run([PYTHON, "-c", f"import {module}"], check=False,
                                                       stderr=subprocess.DEVNULL).returncode != 0:
            raise Missing(f"{PYTHON} has no module {module} (deploy/install test)")
        return [PYTHON, str(FOLDER / name / "agent.py")], {}
    return install


def kcat(_build):
    if not shutil.which("kcat"):
        raise Missing("no kcat (deploy/install test)")
    return ["python3", str(FOLDER / "kcat" / "agent.py")], {}


# name: (what it is, in tests/run, how it is installed)
CLIENTS = {
    "kcat": ("kcat of Debian, librdkafka 2.0.2", True, kcat),
    "python_kafka": ("kafka-python 2.0.2 of Debian", True, debian_python("python_kafka", "kafka")),
    "confluent": ("confluent-kafka 1.7.0 of Debian, librdkafka 2.0.2", True,
                  debian_python("confluent", "confluent_kafka")),
}


def installed(name, build):
    """Install client `name` below `build`: its adapter's command, and what is added to its environment."""
    if name not in CLIENTS:
        raise SystemExit(f"interop.py: no client '{name}'; there are: {', '.join(CLIENTS)}")
    return CLIENTS[name][2](build)


def print_list():
    for name, (what, is_in_run, _) in CLIENTS.items():
        print(f"{name:14} {'tests/run' if is_in_run else 'campaign':10} {what}")
