"""A disk whose commits take longer: a shim for LD_PRELOAD that delays fsync and fdatasync.

Owns: making the shim (needs a C compiler). Must not know: who is slowed.
"""

import shutil
import subprocess
from pathlib import Path

SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void wait_ms(void) { struct timespec t = {DELAY_MS / 1000, (DELAY_MS % 1000) * 1000000L}; nanosleep(&t, 0); }
int fdatasync(int fd) { static int (*real)(int); if (!real) real = dlsym(RTLD_NEXT, "fdatasync"); wait_ms(); return real(fd); }
int fsync(int fd) { static int (*real)(int); if (!real) real = dlsym(RTLD_NEXT, "fsync"); wait_ms(); return real(fd); }
"""


def slow_disk(at: Path, delay_ms: int) -> dict[str, str]:
    """The environment under which every fsync takes so much longer. RuntimeError without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("a slow disk needs a C compiler (Debian: gcc)")
    source, library = at / "slowdisk.c", at / "slowdisk.so"
    source.write_text(SOURCE.replace("DELAY_MS", str(delay_ms)))
    subprocess.run((compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"), check=True)
    return {"LD_PRELOAD": str(library)}
