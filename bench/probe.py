# SPDX-License-Identifier: Apache-2.0
"""What an idle subject and its processes do and hold, seen from outside.

A subject that is measured this way prints {"ready": pid of a worker, or a list of them} and then waits until its standard input ends. Its
family is found by a mark in the environment, as a fork server need not be its descendant.
"""

import json
import os
import subprocess
import time

_MARK = "PLAIT_BENCH_FAMILY"


def _family(mark):
    wanted = f"{_MARK}={mark}\0".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if wanted in file.read():
                        found.append(int(name))
            except OSError:
                pass  # it has ended, or is another user's
    return found


def _activity(pids):
    """CPU time in ns and voluntary context switches (a thread that stays asleep has none) of all their threads."""
    cpu = wakeups = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            folder = f"/proc/{pid}/task/{thread}"
            with open(f"{folder}/schedstat") as file:
                cpu += int(file.read().split()[0])
            with open(f"{folder}/status") as file:
                wakeups += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
    return cpu, wakeups


def _private_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))


def measure(what, command, seconds):
    """Runs a subject; what: "cpu" (ms in the given time), "wakeups" (their number), "private" (KiB of the workers)."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, _MARK: mark}
    ) as process:
        workers = json.loads(process.stdout.readline())["ready"]
        if isinstance(workers, int):
            workers = [workers]
        time.sleep(0.1)
        if what == "private":
            value = sum(map(_private_kib, workers))
        else:
            pids = _family(mark)
            cpu, wakeups = _activity(pids)
            time.sleep(seconds)
            later_cpu, later_wakeups = _activity(pids)
            value = (later_cpu - cpu) / 1e6 if what == "cpu" else later_wakeups - wakeups
        process.stdin.close()
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return value
