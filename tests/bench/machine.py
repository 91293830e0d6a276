"""What the figures were taken on and with."""

import datetime
import os
import pathlib
import platform
import subprocess

import systems
from lab import ROOT


def facts():
    """CPU, kernel, disk and versions, for the line above the table."""
    return {"cpu": _cpu_model(), "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "disk": _file_system(ROOT / "build"),
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "load": round(os.getloadavg()[0], 2),
            "commit": _commit(), "python": platform.python_version(),
            "versions": {name: systems.version(name) for name in systems.SYSTEMS
                         if not systems.missing(name)},
            "skipped": {name: systems.missing(name) for name in systems.SYSTEMS
                        if systems.missing(name)}}


def _cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(path):
    """The type of the file system that holds the path: fsync on tmpfs would cost nothing."""
    told = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True,
                          check=False)
    return told.stdout.strip() or "unknown"


def _commit():
    told = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"],
                          capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
