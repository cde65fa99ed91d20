"""One child process: started, watched, disturbed and ended by the tests, always by its own pid."""
import ctypes
import os
import re
import signal
import subprocess
import time

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
# Nothing of this may ever stand in a log, whatever the test was about.
FATAL = re.compile(
    rb"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|Assertion .* failed"
    rb"|stack smashing|double free|corrupted|Segmentation fault"
)


REPORT_LINES = 16


def die_with_parent():
    """In the child: a killed test run leaves nothing behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def overloaded():
    """More than twice as many threads want to run as there are processors."""
    with open("/proc/loadavg") as load:
        return int(load.read().split()[3].split("/")[0]) > 2 * os.cpu_count()


def wait_for(condition, seconds=10, what="the condition"):
    """Polls until condition() is true and returns its value; fails after `seconds`, of which those
    on an overloaded machine count a tenth: what is busy with other work is not slow."""
    counted, began = 0, time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        now = time.monotonic()
        counted += (now - began) / (10 if overloaded() else 1)
        began = now
        if counted > seconds:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


class Process:
    def __init__(self, name, argv, log, env=None, cwd=None):
        self.name = name
        self.argv = argv
        self.log = log
        self.env = env
        self.cwd = cwd
        self.child = None
        self.expected = False  # an end that a test brought about
        self.scanned = 0

    def start(self):
        assert not self.alive(), f"{self.name} is already running"
        self.expected = False
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                cwd=self.cwd, preexec_fn=die_with_parent)
        return self

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def crashed(self):
        """True if it ended though no test asked it to."""
        return self.child is not None and not self.expected and self.child.poll() is not None

    def terminate(self):
        """SIGTERM without waiting: the drain begins."""
        self.expected = True
        self.child.send_signal(signal.SIGTERM)

    def stop(self, seconds=30):
        """SIGTERM; returns the exit status. A process that ignores it is killed and reported."""
        if not self.alive():
            return self.child.returncode if self.child else 0
        self.resume()
        self.terminate()
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.name} ignored SIGTERM for {seconds} s") from None

    def kill9(self):
        self.expected = True
        self.child.kill()
        self.child.wait()

    def pause(self):
        self.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.child.send_signal(signal.SIGCONT)

    def restart(self, seconds=30):
        self.stop(seconds)
        return self.start()

    def memory_kb(self, kind="Pss"):
        with open(f"/proc/{self.pid}/smaps_rollup") as rollup:
            return sum(int(line.split()[1]) for line in rollup if line.startswith(kind + ":"))

    def log_text(self):
        with open(self.log, "rb") as log:
            return log.read().decode(errors="replace")

    def log_tail(self, lines=30):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def fatal_lines(self):
        """Sanitizer reports and failed assertions that the log gained since the last call."""
        with open(self.log, "rb") as log:
            log.seek(self.scanned)
            text = log.read()
            self.scanned += len(text)
        lines = [line.decode(errors="replace") for line in text.splitlines()]
        found = [number for number, line in enumerate(lines) if FATAL.search(line.encode())]
        # A report's stack comes after its first line, which alone says too little.
        return ["\n".join(lines[number:number + REPORT_LINES]) for number in found]
