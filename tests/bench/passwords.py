"""What one password hash costs (argon2id with OWASP's minimum, as every system has it), in CPU seconds:
of python3-argon2, which the Python systems use, and of Studyhall, which has libsodium's in memory of its own
(password_bench.c)."""
import re
import subprocess
import time

import argon2

from deployment import BIN

PASSWORD = "correct horse battery"
PASSES, MEMORY_KIB = 2, 19456


def with_python():
    hasher = argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
    return lambda: hasher.hash(PASSWORD)


def with_studyhall(times=8):
    """{"libsodium alone": seconds, "the auth service's": seconds}"""
    done = subprocess.run([f"{BIN}/password_bench", str(times)], capture_output=True, text=True, check=True)
    return {name: float(cost) / 1000 for name, cost in re.findall(r"(.*): ([\d.]+) ms", done.stdout)}


def cpu_seconds(system, times=8):
    """Of one hash as that system makes it, now, on this machine."""
    if system.startswith("studyhall"):
        return with_studyhall(times)["the auth service's"]
    run = with_python()
    run()
    began = time.thread_time()
    for _ in range(times):
        run()
    return (time.thread_time() - began) / times
