"""What processes use: CPU seconds, memory (PSS), and how much of the machine others took meanwhile."""
import os
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def stat_fields(pid):
    """Those behind the name, of /proc/PID/stat."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()


def family(pid):
    """The process and all its descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children.setdefault(int(stat_fields(entry)[1]), []).append(int(entry))
            except OSError:
                pass
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(pid):
    """Used by it and by children that it has seen end."""
    try:
        fields = stat_fields(pid)
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICKS


def pss_kib(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            return next((int(line.split()[1]) for line in rollup if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def machine_busy_seconds():
    """Of all processors, since the machine started."""
    with open("/proc/stat") as stat:
        words = stat.readline().split()[1:]
    user, nice, system, _idle, _wait, interrupts, soft, steal = map(int, words[:8])
    return (user + nice + system + interrupts + soft + steal) / TICKS


def own_seconds():
    """Of this program, and of those that it started and has seen end."""
    return sum(os.times()[:4])


class Use:
    """CPU seconds by role between its beginning and `stop()`, and the greatest PSS by role.

    `roles`: {role: pid}; a role's use is that of its process and all descendants. `foreign` is what
    the machine did for none of them, nor for us."""

    def __init__(self, roles, sample_seconds=2.0):
        self.roles = roles
        self.pss_mb = {}
        self.stopping = threading.Event()
        self.began, self.at_start, self.busy = time.time(), self.cpu(), machine_busy_seconds()
        self.own = own_seconds()
        self.thread = threading.Thread(target=self.sample, args=(sample_seconds,), daemon=True)
        self.thread.start()

    def cpu(self):
        return {role: sum(cpu_seconds(one) for one in family(pid))
                for role, pid in self.roles.items()}

    def sample(self, seconds):
        while True:
            for role, pid in self.roles.items():
                now = sum(pss_kib(one) for one in family(pid)) / 1024
                self.pss_mb[role] = max(self.pss_mb.get(role, 0), now)
            if self.stopping.wait(seconds):
                return

    def stop(self):
        at_end = self.cpu()
        self.seconds = time.time() - self.began
        self.cpu_s = {role: max(0.0, at_end[role] - self.at_start[role]) for role in at_end}
        self.foreign_s = max(0.0, machine_busy_seconds() - self.busy - sum(self.cpu_s.values())
                             - (own_seconds() - self.own))
        self.stopping.set()
        self.thread.join()
        return self

    def document(self):
        return {"seconds": round(self.seconds, 2), "foreign_cpu_s": round(self.foreign_s, 2),
                "cpu_s": {role: round(value, 3) for role, value in self.cpu_s.items()},
                "pss_mb": {role: round(value, 1) for role, value in self.pss_mb.items()}}
