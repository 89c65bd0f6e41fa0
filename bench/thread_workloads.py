# SPDX-License-Identifier: Apache-2.0
"""What is measured of plait::threading."""

from cases import Case, Workload, at_most, faster

MILLION = 1_000_000


def thread_workloads(cpp, python):
    """As in workloads.py; cpp(program, argument…) and python(workload, subject, argument…) give command lines."""

    def lock(kind, threads):
        count = 3 * MILLION
        contended = threads == 2
        subjects = {
            "plait": cpp("thread-lock/plait", kind, count, threads),
            "std": cpp("thread-lock/std", kind, count, threads),
            "python": python("thread-lock", "python", kind, 300_000, threads),
        }
        if kind == "Semaphore":
            subjects["pthread"] = cpp("thread-lock/pthread", kind, count, threads)
        peers = [subject for subject in subjects if subject in ("std", "pthread")]
        return Case(
            f"{kind}, {'2 threads' if contended else 'uncontended'}",
            "ns per pair",
            subjects,
            [faster(1, peer) if contended else at_most(1.2, peer) for peer in peers],
        )

    def sync(kind, unit):
        return Case(
            kind,
            unit,
            {
                "plait": cpp("thread-sync/plait", kind, 200_000),
                "std": cpp("thread-sync/std", kind, 20_000),
                "python": python("thread-sync", "python", kind, 10_000),
            },
            [faster(1, "std")],
        )

    return [
        Workload(
            "thread-lock",
            "Acquire and release; `std`: std::mutex, std::recursive_mutex, std::counting_semaphore",
            [lock(kind, threads) for kind in ("Lock", "RLock", "Semaphore") for threads in (1, 2)],
        ),
        Workload(
            "thread-sync",
            "2 threads let each other go in turn",
            [
                sync("Event", "ns there and back"),
                sync("Condition", "ns there and back"),
                sync("Barrier", "ns per meeting"),
            ],
        ),
        Workload(
            "counter",
            "The tutorial's counter, a million times up and down by two threads under an RLock",
            [
                Case(
                    "RLock",
                    "ns per step",
                    {
                        "plait": cpp("counter/plait", MILLION),
                        "std": cpp("counter/std", MILLION),
                        "python": python("counter", "python", 300_000),
                    },
                    [faster(1, "std")],
                )
            ],
        ),
    ]
