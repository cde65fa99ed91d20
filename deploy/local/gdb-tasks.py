# Lists the green tasks of a process or a core, each with its stack:
#
#   make gdb-tasks PID=1234
#   make gdb-tasks CORE=core BIN=build/release/bin/planner
#
# A parked task's registers are those that swapcontext() saved on its stack. An unwinder of ours makes them the
# caller's registers of the innermost frame, so that gdb's backtrace goes on in the task's stack;
# nothing in the process is changed.
import gdb
from gdb.unwinder import Unwinder, register_unwinder

STATES = {0: "idle", 1: "ready", 2: "running", 3: "parked"}
# Places in uc_mcontext.gregs (sys/ucontext.h, x86_64).
REGISTERS = {"r8": 0, "r9": 1, "r12": 4, "r13": 5, "r14": 6, "r15": 7, "rbp": 10, "rbx": 11,
             "rsp": 15, "rip": 16}


def each(head, link):
    while head != 0:
        yield head.dereference()
        head = head[link]


def saved(task, name):
    return int(task["context"]["uc_mcontext"]["gregs"][REGISTERS[name]])


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class TaskUnwinder(Unwinder):
    """Steps from the thread's innermost frame into the stack of `task`."""

    def __init__(self):
        super().__init__("studyhall-task")
        self.task = None
        self.innermost = 0

    def __call__(self, pending):
        sp = pending.read_register("rsp")
        if self.task is None or int(sp) != self.innermost:
            return None
        # As if it lay just inside the task's: gdb ends where a caller seems to be further inside.
        inside = gdb.Value(saved(self.task, "rsp")).cast(sp.type)
        info = pending.create_unwind_info(FrameId(inside, pending.read_register("rip")))
        for name in REGISTERS:
            value = gdb.Value(saved(self.task, name)).cast(pending.read_register(name).type)
            info.add_saved_register(name, value)
        return info


def backtrace(unwinder, task):
    unwinder.task = task
    gdb.invalidate_cached_frames()
    try:
        lines = gdb.execute("bt", to_string=True).splitlines()
    finally:
        unwinder.task = None
        gdb.invalidate_cached_frames()
    print("\n".join(line for line in lines if not line.startswith("#0 ")))


def main():
    unwinder = TaskUnwinder()
    register_unwinder(None, unwinder, replace=True)
    unwinder.innermost = int(gdb.parse_and_eval("(unsigned long)$rsp"))
    count = 0
    for worker in each(gdb.parse_and_eval("worker_all"), "next"):
        print(f"worker {worker['name'].string()}")
        for task in each(worker["scheduler"]["all"], "all_next"):
            state = int(task["state"])
            if state == 0:
                continue
            count += 1
            deadline = int(task["deadline_ms"])
            print(f"\ntask {task['name'].string()}  {STATES.get(state, state)}"
                  f"  trace {task['trace'].string()}"
                  + ("  cancelled" if task["cancelled"] else "")
                  + (f"  deadline_ms {deadline}" if deadline != 2**64 - 1 else ""))
            if state in (1, 3) and task["context"] != 0:
                backtrace(unwinder, task)
    print(f"\n{count} tasks")


main()
