"""A clock that a test pushes forward, for rules that are about minutes and days.

A library loaded before libc adds to the clocks what a shared file says, as if the machine had
slept: timers that are under way end no sooner, and a program sees the new time when it next looks.
Both our programs look at least every ten seconds.
"""

import atexit
import functools
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

from support.harness import DEADLINE

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile long *skipped;  /* seconds: [0] since boot, [1] on the wall */

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SKIPPED_SECONDS");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *map = mmap(0, 16, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) skipped = map;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  long failed = syscall(SYS_clock_gettime, clock, now);
  if (failed == 0 && skipped && clock == CLOCK_BOOTTIME) now->tv_sec += skipped[0];
  if (failed == 0 && skipped && clock == CLOCK_REALTIME) now->tv_sec += skipped[1];
  return (int)failed;
}
"""


@functools.cache
def library():
    """The built library, or None without a compiler."""
    compiler = shutil.which("cc")
    if not compiler:
        return None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="integration-clock-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "clock.c").write_text(SOURCE)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", folder / "clock.so",
                    folder / "clock.c"], check=True, timeout=DEADLINE)
    return folder / "clock.so"


class Clock:
    """`environment` for the programs that live by this clock."""

    def __init__(self, path):
        self._path = path
        self._skipped = [0, 0]
        self._write()
        # A sanitizer's library wants to be loaded first, but is content to be second.
        self.environment = {"LD_PRELOAD": str(library()), "SKIPPED_SECONDS": str(path),
                            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")
                            + ":verify_asan_link_order=0"}

    def sleep(self, seconds):
        """The machine sleeps: both clocks go on."""
        self._skipped = [value + seconds for value in self._skipped]
        self._write()

    def set_wall(self, seconds):
        """Somebody sets the wall clock forward, or back."""
        self._skipped[1] += seconds
        self._write()

    def _write(self):
        # In place: the programs have this file mapped.
        with open(os.open(self._path, os.O_RDWR | os.O_CREAT), "r+b", buffering=0) as file:
            file.write(struct.pack("=qq", *self._skipped))
