# SPDX-License-Identifier: Apache-2.0
"""What is measured: the workloads, the subjects of each with their command lines, and the targets.

Slow peers get fewer tasks; all figures are per task.
"""

import os
import sys
from pathlib import Path

from cases import Case, Workload, at_most, faster
from process_workloads import process_workloads
from thread_workloads import thread_workloads

HERE = Path(__file__).resolve().parent
CORES = len(os.sched_getaffinity(0))
PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
MILLION = 1_000_000


def workloads(binaries):
    """All workloads, with programs from the folder `binaries` (the build's bench/)."""

    def cpp(program, *arguments):
        return [str(binaries / program), *map(str, arguments)]

    def python(workload, subject, *arguments):
        return [PYTHON, str(HERE / "support" / "subjects.py"), workload, subject, *map(str, arguments)]

    def pythons(workload, subjects, *arguments):
        return {subject: python(workload, subject, *arguments) for subject in subjects}

    numbers = HERE / "primes" / "numbers.txt"
    default_chunk = MILLION // 8  # multiprocessing.Pool's default for a million tasks on 2 workers

    payload_notes = {
        "argument": "The task takes a `std::span`, which lies in shared memory: one copy, by the host.",
        "result": "Two copies, by the worker into shared memory and by the host into a vector of its own, for which the "
        "system has to clear fresh pages above 32 MiB. `raw` is one copy between warm buffers; `raw-processes` are the "
        "two copies that two processes need, between warm buffers.",
    }

    def payload(direction, size, label, count, python_count):
        return Case(
            f"{label} as {direction}",
            "GB/s",
            {
                "plait": cpp("process-payload/plait", direction, size, count),
                "raw": cpp("process-payload/raw", size, count * 4),
                "raw-processes": cpp("process-payload/raw-processes", size, count * 2),
                **pythons("process-payload", ["python", "loky"], direction, size, python_count),
            },
            [faster(0.5, "raw"), faster(0.5, "raw-processes")],
            rate=True,
            note=payload_notes[direction],
        )

    def thread_submit(label, futures, python_subjects):
        return Case(
            label,
            "ns per task",
            {
                "plait": cpp("thread-submit/plait", MILLION, futures),
                "raw": cpp("process-map/raw", MILLION),
                "asio": cpp("thread-submit/asio", MILLION, futures),
                "tbb": cpp("thread-submit/tbb", MILLION, futures),
                **python_subjects,
            },
            [at_most(0.6, "asio"), at_most(0.6, "tbb")],
        )

    def thread_queue(pairs, maxsize):
        subjects = {
            "plait": cpp("thread-queue/plait", pairs, 4 * MILLION, maxsize),
            "std": cpp("thread-queue/std", pairs, 4 * MILLION, maxsize),
            "tbb": cpp("thread-queue/tbb", pairs, 4 * MILLION, maxsize),
        }
        if maxsize == 0:
            subjects["moodycamel"] = cpp("thread-queue/moodycamel", pairs, 4 * MILLION)
        subjects |= pythons("thread-queue", ["python"], pairs, 100_000, maxsize)
        return Case(
            f"{pairs}P{pairs}C, " + (f"maxsize {maxsize}" if maxsize else "unbounded"),
            "M items/s",
            subjects,
            [faster(1, "std"), faster(1, "tbb")] + [faster(30, "python")] * (pairs < 4),
            rate=True,
        )

    def thread_simplequeue(pairs):
        return Case(
            f"{pairs}P{pairs}C",
            "M items/s",
            {
                "plait": cpp("thread-simplequeue/plait", pairs, 4 * MILLION),
                "std": cpp("thread-queue/std", pairs, 4 * MILLION, 0),
                "tbb": cpp("thread-queue/tbb", pairs, 4 * MILLION, 0),
                "moodycamel": cpp("thread-queue/moodycamel", pairs, 4 * MILLION),
                **pythons("thread-simplequeue", ["python"], pairs, 200_000),
            },
            [faster(1, "moodycamel")],
            rate=True,
        )

    def pool(what, count, chunksize, python_count, targets):
        chunk = [] if chunksize is None else [chunksize]
        executor = {
            "map": ("process-map/plait", count, chunksize or default_chunk),
            "apply": ("process-roundtrip/plait", count),
        }.get(what, ("process-map/plait", count, 1))
        return Case(
            what + (f", chunksize {chunksize}" if chunksize else ", default chunksize" if what == "map" else ""),
            "ns per task",
            {
                "plait": cpp("pool/plait", what, count, *chunk),
                "plait-executor": cpp(*executor),
                "raw": cpp("process-roundtrip/raw", count) if what == "apply" else cpp("process-map/raw", MILLION),
                "python": python("pool", "python", what, python_count, *chunk),
            },
            targets,
        )

    def idle(label, unit, probe):
        return Case(
            label,
            unit,
            {"plait": cpp("idle/plait"), **pythons("idle", ["python"])},
            [at_most(0)],
            probe=probe,
            together=True,
        )

    return [
        Workload(
            "process-map",
            "No-op tasks by map, chunksize 1, 2 process workers",
            [
                Case(
                    "chunksize 1",
                    "ns per task",
                    {
                        "plait": cpp("process-map/plait", MILLION, 1),
                        "raw": cpp("process-map/raw", MILLION),
                        "raw-echo": cpp("process-map/raw-echo", MILLION),
                        "python-pool": python("process-map", "python-pool", 50_000, 1),
                        **pythons("process-map", ["python", "loky"], 10_000, 1),
                    },
                    [at_most(8, "raw"), faster(30, "python-pool"), faster(200, "python"), faster(200, "loky")],
                )
            ],
        ),
        Workload(
            "process-map-chunked",
            "The same, in the chunks that Python's Pool makes by default",
            [
                Case(
                    f"chunksize {default_chunk}",
                    "ns per task",
                    {
                        "plait": cpp("process-map/plait", MILLION, default_chunk),
                        "raw": cpp("process-map/raw", MILLION),
                        **pythons(
                            "process-map-chunked", ["python-pool", "python", "loky"], MILLION, default_chunk
                        ),
                    },
                    [faster(4, "python-pool")],
                )
            ],
        ),
        Workload(
            "pool",
            "`multiprocessing.Pool` of 2 processes, no-op tasks; executor: the same by `ProcessPoolExecutor`",
            [
                pool("map", MILLION, 1, 50_000, [at_most(8, "raw"), faster(30, "python")]),
                pool("map", MILLION, None, MILLION, [faster(4, "python")]),
                pool("imap_unordered", MILLION, 1, 50_000, [at_most(8, "raw"), faster(30, "python")]),
                pool("starmap", MILLION, 1, 50_000, [at_most(8, "raw"), faster(30, "python")]),
                pool("apply", 200_000, None, 3_000, [faster(100, "python")]),
            ],
        ),
        Workload(
            "pool-memory",
            "`multiprocessing.Pool` of 64 processes, each of which has done a task and is idle",
            [
                Case(
                    "private memory of all workers",
                    "KiB",
                    {
                        "plait": cpp("pool-memory/plait", 64),
                        **pythons("pool-memory", ["python-fork", "python-forkserver", "python-spawn"], 64),
                    },
                    [at_most(32 * 1024)],
                    probe="private",
                )
            ],
        ),
        Workload(
            "process-roundtrip",
            "`submit(f, x).result()`, warm pool of 2 processes",
            [
                Case(
                    "one at a time",
                    "ns per task",
                    {
                        "plait": cpp("process-roundtrip/plait", 200_000),
                        "raw": cpp("process-roundtrip/raw", 200_000),
                        **pythons("process-roundtrip", ["python", "loky"], 3_000),
                        "asio": cpp("thread-roundtrip/asio", 20_000),
                        "python-threads": python("thread-roundtrip", "python-threads", 10_000),
                    },
                    [at_most(4, "raw"), faster(50, "python"), faster(1, "asio")],
                )
            ],
        ),
        Workload(
            "pipe-roundtrip",
            "8 bytes to another process and back over a `Pipe()`",
            [
                Case(
                    "one at a time",
                    "ns",
                    {
                        "plait": cpp("pipe-roundtrip/plait", 500_000),
                        "raw": cpp("process-roundtrip/raw", 500_000),
                        "socketpair": cpp("pipe-roundtrip/socketpair", 20_000),
                        **pythons("pipe-roundtrip", ["python"], 10_000),
                    },
                    [at_most(4, "raw"), faster(30, "python"), faster(1, "socketpair")],
                )
            ],
        ),
        Workload(
            "process-submit",
            "Every `submit`, then every `result()`, 2 process workers",
            [
                Case(
                    "one future per task",
                    "ns per task",
                    {
                        "plait": cpp("process-submit/plait", MILLION),
                        "raw": cpp("process-map/raw", MILLION),
                        **pythons("process-submit", ["python", "loky"], 10_000),
                    },
                    [faster(100, "python")],
                )
            ],
        ),
        Workload(
            "process-payload",
            "A `std::vector<double>` to a process worker, or from it; Python: bytes",
            [
                payload("argument", 64 << 20, "64 MiB", 10, 3),
                payload("result", 64 << 20, "64 MiB", 10, 3),
                payload("argument", 64 << 10, "64 KiB", 5_000, 1_000),
                payload("result", 64 << 10, "64 KiB", 5_000, 1_000),
            ],
        ),
        Workload(
            "thread-submit",
            "`submit` from one thread to a pool of 2",
            [
                thread_submit(
                    "with futures",
                    1,
                    {
                        "std": cpp("thread-submit/std", 10_000),
                        **pythons("thread-submit", ["python-threads"], 20_000),
                    },
                ),
                thread_submit("fire and forget", 0, {}),
            ],
        ),
        Workload(
            "thread-roundtrip",
            "`submit(f).result()` on a pool of 2 threads",
            [
                Case(
                    "one at a time",
                    "ns per task",
                    {
                        "plait": cpp("thread-roundtrip/plait", 200_000),
                        "raw": cpp("process-roundtrip/raw", 200_000),
                        "asio": cpp("thread-roundtrip/asio", 20_000),
                        "tbb": cpp("thread-roundtrip/tbb", 200_000),
                        "tbb-enqueue": cpp("thread-roundtrip/tbb-enqueue", 20_000),
                        "std": cpp("thread-roundtrip/std", 5_000),
                        **pythons("thread-roundtrip", ["python-threads"], 10_000),
                    },
                    [faster(1, other) for other in ("asio", "tbb", "tbb-enqueue", "std")],
                    note="`tbb` hands nothing over: the wait of a task_group runs the task in the waiting thread.",
                )
            ],
        ),
        Workload(
            "thread-queue",
            "Numbers through one `Queue<int>`, from as many threads that put as threads that get",
            [thread_queue(pairs, maxsize) for maxsize in (0, 1024) for pairs in (1, 2, 4)],
        ),
        Workload(
            "thread-queue-roundtrip",
            "A number to another thread and back, through two queues",
            [
                Case(
                    "one at a time",
                    "ns",
                    {
                        "plait": cpp("thread-queue-roundtrip/plait", 100_000),
                        "std": cpp("thread-queue-roundtrip/std", 20_000),
                        "tbb": cpp("thread-queue-roundtrip/tbb", 20_000),
                        "moodycamel": cpp("thread-queue-roundtrip/moodycamel", 100_000),
                        **pythons("thread-queue-roundtrip", ["python"], 10_000),
                    },
                    [faster(1, other) for other in ("std", "tbb", "moodycamel")],
                )
            ],
        ),
        Workload(
            "thread-simplequeue",
            "Numbers through one `SimpleQueue<int>`",
            [thread_simplequeue(pairs) for pairs in (1, 2)],
        ),
        Workload(
            "worker-start",
            "One worker, from the `submit` that starts it to its result; raw: fork and wait; Python: start and join a Process",
            [
                Case(
                    "forkserver",
                    "µs",
                    {
                        "plait": cpp("worker-start/plait", 200),
                        "raw": cpp("worker-start/raw", 1_000),
                        "python-fork": python("worker-start", "python-fork", 100),
                        "python-forkserver": python("worker-start", "python-forkserver", 20),
                        "python-spawn": python("worker-start", "python-spawn", 5),
                    },
                    [at_most(2, "raw")],
                ),
                Case(
                    "a pool of one, made, used once, and shut down",
                    "µs",
                    {
                        "plait": cpp("worker-start/plait-pool", 200),
                        **pythons("worker-start", ["python-pool"], 20),
                    },
                ),
                Case(
                    "private memory of an idle worker",
                    "KiB",
                    {
                        "plait": cpp("worker-start/plait-memory"),
                        **pythons("worker-memory", ["python-fork", "python-forkserver", "python-spawn"]),
                    },
                    [at_most(512)],
                    probe="private",
                ),
            ],
        ),
        Workload(
            "idle",
            "A pool of 2 processes, idle for 10 s, from 0.1 s after its last task",
            [
                idle("CPU time", "ms", "cpu"),
                idle("wake-ups", "wake-ups", "wakeups"),
            ],
        ),
        Workload(
            "primes",
            f"The tutorial's 65 numbers, on 16 workers, {CORES} cores",
            [
                Case(
                    "65 numbers",
                    "s",
                    {
                        "plait": cpp("primes/plait", numbers),
                        "plait-threads": cpp("primes/plait-threads", numbers),
                        "serial": cpp("primes/serial", numbers),
                        "std": cpp("primes/std", numbers),
                        "tbb": cpp("primes/tbb", numbers),
                        **pythons("primes", ["python", "python-threads"], numbers),
                    },
                    [faster(0.95 * CORES, "serial")],
                )
            ],
        ),
        Workload(
            "fib",
            f"fib(25) to fib(39) by `as_completed` on 3 workers, {CORES} cores; Python: fib(20) to fib(30)",
            [
                Case(
                    "one call of fib",
                    "ns",
                    {
                        "plait": cpp("fib/plait", 25, 39),
                        "plait-threads": cpp("fib/plait-threads", 25, 39),
                        "serial": cpp("fib/serial", 25, 39),
                        "std": cpp("fib/std", 25, 39),
                        "tbb": cpp("fib/tbb", 25, 39),
                        **pythons("fib", ["python", "python-threads"], 20, 30),
                    },
                    [faster(0.95 * CORES, "serial")],
                    note="fib(39) is 38 % of the work and, in the tutorial's order, the last to begin: on 2 cores that "
                    "are shared fairly among 3 workers no pool can be more than 1.68 × as fast as one thread.",
                )
            ],
        ),
        *process_workloads(cpp, python),
        *thread_workloads(cpp, python),
    ]
