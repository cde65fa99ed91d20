"""What one password hash costs (argon2id with OWASP's minimum, as every system has it), in CPU seconds:
of python3-argon2, which the Python systems use, and of libsodium, which Studyhall does."""
import ctypes
import time

import argon2

PASSWORD = "correct horse battery"
PASSES, MEMORY_KIB = 2, 19456
ARGON2ID13 = 2


def with_python():
    hasher = argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
    return lambda: hasher.hash(PASSWORD)


def with_libsodium():
    library = ctypes.CDLL("libsodium.so.23")
    library.sodium_init()
    out, salt = ctypes.create_string_buffer(32), ctypes.create_string_buffer(16)

    def run():
        assert library.crypto_pwhash(
            out, ctypes.c_ulonglong(32), PASSWORD.encode(), ctypes.c_ulonglong(len(PASSWORD)), salt,
            ctypes.c_ulonglong(PASSES), ctypes.c_size_t(MEMORY_KIB * 1024), ARGON2ID13) == 0
    return run


def cpu_seconds(system, times=8):
    """Of one hash as that system makes it, now, on this machine."""
    run = with_libsodium() if system.startswith("studyhall") else with_python()
    run()
    began = time.thread_time()
    for _ in range(times):
        run()
    return (time.thread_time() - began) / times
