"""The clients: how each is installed, and the command that starts its adapter."""
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
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


def librdkafka(build):
    agent = build.parent / "tests" / "interop" / "librdkafka_agent"
    if not agent.exists():
        raise SystemExit(f"interop.py: {agent} is not built (target librdkafka_agent)")
    return [str(agent)], {}


def newest_librdkafka(of):
    """The client `of`, which Debian links with its librdkafka, with the newest one in place of that."""
    def install(build):
        command, environment = CLIENTS[of][2](build)
        return command, environment | {"LD_LIBRARY_PATH": str(librdkafka_of_npm(build))}
    return install


def librdkafka_newest(build):
    """The adapter in C once more, compiled for the newest librdkafka: with the calls that Debian's does not have."""
    lib = librdkafka_of_npm(build)
    sources = [FOLDER / "librdkafka" / name for name in ("agent.c", "agent_admin.c", "agent_records.c")]
    sources += [ROOT / "base" / name for name in ("arena.c", "assert.c", "budget.c", "bytes.c", "err.c", "escape.c", "json.c")]
    if not shutil.which("cc"):
        raise Missing("no cc (deploy/install build)")
    home = fetched(build, "librdkafka_agent", [*sources, FOLDER / "librdkafka" / "agent.h"],
                   ["cc", "-std=gnu17", "-O1", "-g", "-D_GNU_SOURCE", "-I", str(lib), "-I", str(ROOT), *map(str, sources),
                    "-o", "agent", "-L", str(lib), "-l:librdkafka.so.1"], 120)
    return [str(home / "agent")], {"LD_LIBRARY_PATH": str(lib)}


def librdkafka_of_npm(build):
    """The folder with the newest librdkafka: the library, and its header in librdkafka/."""
    if not shutil.which("npm") or not shutil.which("cmake"):
        raise Missing("no npm or no cmake (deploy/install test)")
    folder = FOLDER / "librdkafka"
    home = fetched(build, "librdkafka", [folder / "package.json", folder / "package-lock.json", folder / "build"],
                   ["./build"], 900)
    return home / "lib"


def kafkajs(build):
    if not shutil.which("node") or not shutil.which("npm"):
        raise Missing("no node or no npm (deploy/install test)")
    folder = FOLDER / "kafkajs"
    home = fetched(build, "kafkajs", [folder / "package.json", folder / "package-lock.json"],
                   ["npm", "ci", "--no-fund", "--no-audit", "--ignore-scripts", "--fetch-retries=1",
                    "--fetch-timeout=20000"], 45)
    return ["node", str(folder / "agent.js")], {"NODE_PATH": str(home / "node_modules")}


def aiokafka(build):
    folder = FOLDER / "aiokafka"
    home = fetched(build, "aiokafka", [folder / "requirements.txt"],
                   [sys.executable, "-m", "pip", "install", "-q", "--target", "lib", "-r", "requirements.txt"], 300)
    return [sys.executable, str(folder / "agent.py")], {"PYTHONPATH": str(home / "lib")}


def websockets(build):
    folder = FOLDER / "websockets"
    home = fetched(build, "websockets", [folder / "requirements.txt"],
                   [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--retries", "1", "--timeout", "15", "--target", "lib",
                    "-r", "requirements.txt"], 25)
    return [sys.executable, str(folder / "agent.py")], {"PYTHONPATH": str(home / "lib")}


def chromium(_build):
    if not shutil.which("chromium") and not shutil.which("chromium-browser"):
        raise Missing("no chromium (deploy/install browser)")
    return [sys.executable, str(FOLDER / "chromium" / "agent.py")], {}


def java(name):
    """A version of the Java client: the folder `name` has its pom.xml; the adapter is the same."""
    def install(build):
        if not shutil.which("mvn") or not shutil.which("javac"):
            raise Missing("no mvn or no javac (Debian's maven, default-jdk-headless)")
        home = fetched(build, name, [FOLDER / name / "pom.xml"],
                       ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"], 600)
        return ["java", "-cp", f"{home}/lib/*", str(FOLDER / "java" / "Agent.java")], {}
    return install


def go(name):
    """A client of Go, built from the folder `name`."""
    def install(build):
        if not shutil.which("go"):
            raise Missing("no go (Debian's golang-go, of backports where it is too old)")
        home = fetched(build, name, [FOLDER / name / file for file in ("go.mod", "go.sum", "main.go")],
                       ["go", "build", "-o", "agent", "."], 600)
        return [str(home / "agent")], {}
    return install


def fetched(build, name, manifests, command, seconds):
    """The folder below `build` in which `command` ran with `manifests` beside it; once, until one of these changes."""
    home, wanted = build / name, hashlib.sha256(b"".join(path.read_bytes() for path in manifests)).hexdigest()
    stamp = home / "stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    for path in manifests:
        shutil.copy(path, home)
    try:
        done = subprocess.run(command, cwd=home, timeout=seconds, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                              env=os.environ | {"CI": "true"})
        said, is_done = done.stdout.strip().splitlines(), done.returncode == 0
    except subprocess.TimeoutExpired:
        said, is_done = [f"no end after {seconds} s"], False
    if not is_done:
        print("\n".join(said[-20:]))
        reason = next((line for line in said if "error" in line.lower()), said[-1] if said else "not a word")
        raise Missing(f"{' '.join(command[:2])} fails: {reason}")
    stamp.write_text(wanted)
    return home


# name: (what it is, in tests/run, how it is installed)
CLIENTS = {
    "kcat": ("kcat of Debian, librdkafka 2.0.2", True, kcat),
    "python_kafka": ("kafka-python 2.0.2 of Debian", True, debian_python("python_kafka", "kafka")),
    "confluent": ("confluent-kafka 1.7.0 of Debian, librdkafka 2.0.2", True,
                  debian_python("confluent", "confluent_kafka")),
    "librdkafka": ("C API of librdkafka 2.0.2 of Debian", True, librdkafka),
    "kafkajs": ("kafkajs 2.2.4 from npm", True, kafkajs),
    "kcat_newest": ("kcat of Debian with librdkafka 2.15.1 of npm", False, newest_librdkafka("kcat")),
    "confluent_newest": ("confluent-kafka of Debian with librdkafka 2.15.1 of npm", False,
                         newest_librdkafka("confluent")),
    "librdkafka_newest": ("C API of librdkafka 2.15.1 of npm", False, librdkafka_newest),
    "franz_go": ("franz-go 1.22.3 of Go", False, go("franz_go")),
    "sarama": ("sarama 1.61.1 of Go", False, go("sarama")),
    "aiokafka": ("aiokafka 0.14.0 of PyPI", False, aiokafka),
    "java_3_9": ("Java client 3.9.1 of Maven", False, java("java_3_9")),
    "java_4": ("Java client 4.4.0 of Maven", False, java("java_4")),
}

# Likewise, of those that speak WebSocket: ws.py has their steps.
WS_CLIENTS = {
    "websockets": ("websockets 17.4 of PyPI, over WebSocket", True, websockets),
    "chromium": ("Chromium of Debian, over WebSocket", False, chromium),
}


def installed(name, build, table=None):
    """Install client `name` below `build`: its adapter's command, and what is added to its environment."""
    table = table or CLIENTS
    if name not in table:
        raise SystemExit(f"{Path(sys.argv[0]).name}: no client '{name}'; there are: {', '.join(table)}")
    return table[name][2](build)


def print_list():
    for name, (what, is_in_run, _) in (CLIENTS | WS_CLIENTS).items():
        print(f"{name:18} {'tests/run' if is_in_run else 'campaign':10} {what}")
