# SPDX-License-Identifier: Apache-2.0
"""What is measured of what processes share: queues, locks, values; and of their start."""

from cases import Case, Workload, at_most, faster

MILLION = 1_000_000


def process_workloads(cpp, python):
    """As in workloads.py; cpp(program, argument…) and python(workload, subject, argument…) give command lines."""

    def numbers(pairs):
        count = 4 * MILLION
        return Case(
            f"{pairs} put, {pairs} get",
            "M items/s",
            {
                "plait": cpp("process-queue/plait", pairs, count),
                "boost": cpp("process-queue/boost", pairs, count // 2),
                "zmq": cpp("process-queue/zmq", pairs, count // 2),
                "pipe": cpp("process-queue/pipe", pairs, count // 2),
                "python": python("process-queue", "python", pairs, 200_000),
            },
            [faster(1, "boost"), faster(3, "zmq"), faster(3, "pipe"), faster(30, "python")],
            rate=True,
        )

    def byte_strings(size, label, count):
        subjects = {
            "plait": cpp("process-queue-bytes/plait", size, count),
            "raw": cpp("process-queue-bytes/raw", size, count),
            "boost": cpp("process-queue-bytes/boost", size, count),
            "socketpair": cpp("process-queue-bytes/socketpair", size, max(count // 4, 20)),
            "zmq": cpp("process-queue-bytes/zmq", size, max(count // 4, 20)),
            "python": python("process-queue-bytes", "python", size, max(count // 20, 10)),
        }
        targets = [faster(1, subject) for subject in ("boost", "socketpair", "zmq", "python")]
        if size >= 65536:
            targets.append(faster(0.5, "raw"))
        return Case(label, "GB/s", subjects, targets, rate=True)

    def lock(processes):
        contended = processes == 2
        return Case(
            "2 processes" if contended else "uncontended",
            "ns per pair",
            {
                "plait": cpp("process-lock/plait", processes, 5 * MILLION),
                "pthread": cpp("process-lock/pthread", processes, 5 * MILLION),
                "python": python("process-lock", "python", processes, 300_000),
            },
            [faster(1, "pthread") if contended else at_most(1.3, "pthread")],
        )

    def start(method, count, limit, *targets):
        return Case(
            method,
            "µs",
            {
                "plait": cpp("process-start/plait", method, count),
                **limit,
                "python": python("process-start", "python", method, 40 if method == "fork" else 10),
            },
            targets,
        )

    fork_and_wait = {"raw": cpp("worker-start/raw", 1_000)}
    spawn_and_wait = {"raw": cpp("process-start/posix_spawn", cpp("process-start/plait")[0], 300)}
    return [
        Workload(
            "process-queue",
            "Numbers through a `multiprocessing::Queue<int>`; `boost`: Boost.Interprocess message_queue",
            [numbers(1), numbers(2)],
        ),
        Workload(
            "process-queue-bytes",
            "Byte strings through a `multiprocessing::Queue<std::string>`, 1 process puts, 1 gets; raw: a spinning ring",
            [
                byte_strings(1024, "1 KiB", 300_000),
                byte_strings(65536, "64 KiB", 40_000),
                byte_strings(1 << 20, "1 MiB", 4_000),
                byte_strings(16 << 20, "16 MiB", 200),
            ],
        ),
        Workload(
            "queue-roundtrip",
            "8 bytes to another process and back over two queues",
            [
                Case(
                    "one at a time",
                    "ns",
                    {
                        "plait": cpp("queue-roundtrip/plait", 500_000),
                        "raw": cpp("process-roundtrip/raw", 500_000),
                        "python": python("queue-roundtrip", "python", 10_000),
                    },
                    [at_most(4, "raw"), faster(30, "python")],
                )
            ],
        ),
        Workload(
            "process-lock", "Acquire and release of a `multiprocessing::Lock`; pthread: a robust mutex", [lock(1), lock(2)]
        ),
        Workload(
            "value",
            "2 000 000 increments of a `Value<int>` under its lock, by two processes",
            [
                Case(
                    "2 processes",
                    "M/s",
                    {"plait": cpp("value/plait", 2 * MILLION), "python": python("value", "python", 200_000)},
                    [faster(8, "python")],
                    rate=True,
                )
            ],
        ),
        Workload(
            "process-start",
            "Start and join of a `Process` that does nothing; raw: fork and wait, posix_spawn of the same program and wait",
            [
                start("forkserver", 300, fork_and_wait, at_most(2, "raw")),
                start("spawn", 100, spawn_and_wait, at_most(1.5, "raw")),
                start("fork", 300, fork_and_wait),
            ],
        ),
    ]
