# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks: every subject of a workload in turn, several rounds, each a process of its own.

scripts/bench builds first and calls this. Results of earlier calls for other workloads are kept beside the build, so
that --only renews one section of docs/performance.md.
"""

import argparse
import concurrent.futures
import json
import statistics
import subprocess
import sys
from pathlib import Path

import probe
import report
from workloads import workloads

IDLE_SECONDS = 10


def run_once(case, command):
    if case.probe:
        return probe.measure(case.probe, command, IDLE_SECONDS)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    return json.loads(done.stdout.splitlines()[-1])["value"]


def run_case(case, rounds):
    """Values of every subject, alternating: a disturbance of the machine hits all of them."""
    jobs = [(name, command) for _ in range(rounds) for name, command in case.subjects.items()]
    values = {name: [] for name in case.subjects}
    with concurrent.futures.ThreadPoolExecutor(len(jobs) if case.together else 1) as executor:
        for (name, _), value in zip(jobs, executor.map(lambda job: run_once(case, job[1]), jobs)):
            values[name].append(value)
    return values


def run_workload(workload, rounds):
    rows = []
    for case in workload.cases:
        print(f"{workload.id}: {case.params}", file=sys.stderr, flush=True)
        for subject, values in run_case(case, rounds).items():
            rows.append(
                {
                    "workload": workload.id,
                    "subject": subject,
                    "params": case.params,
                    "unit": case.unit,
                    "median": statistics.median(values),
                    "min": min(values),
                    "max": max(values),
                    "runs": len(values),
                }
            )
            print(f"  {subject:18} {report.figure(rows[-1]['median']):>12} {case.unit}", file=sys.stderr, flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Builds and runs the benchmarks.")
    parser.add_argument("--only", metavar="WORKLOAD", help="this one only, e.g. process-map")
    parser.add_argument("--json", metavar="FILE", type=Path, help="writes the results of this call there, too")
    parser.add_argument("--runs", type=int, default=5, help="runs of each subject (default 5)")
    parser.add_argument("--binaries", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--docs", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()

    everything = workloads(options.binaries.resolve())
    chosen = [workload for workload in everything if options.only in (None, workload.id)]
    if not chosen:
        parser.error(f"no workload {options.only!r}; there are: {', '.join(workload.id for workload in everything)}")
    if options.runs < 1:
        parser.error("--runs must be at least 1")

    store = options.binaries / "results.json"
    rows = json.loads(store.read_text()) if options.only and store.exists() else []
    new_rows = []
    for workload in chosen:
        try:
            new_rows += run_workload(workload, options.runs)
        except (subprocess.SubprocessError, OSError, ValueError) as error:
            sys.exit(f"scripts/bench: {workload.id}: {error}")
    rows = [row for row in rows if row["workload"] not in {workload.id for workload in chosen}] + new_rows
    store.write_text(json.dumps(rows, indent=1) + "\n")
    if options.json:
        options.json.write_text(json.dumps(new_rows, indent=1) + "\n")
    (options.docs / "performance.svg").write_text(report.plot(everything, rows))
    (options.docs / "performance.md").write_text(report.page(everything, rows))
    print(report.targets(everything, new_rows))


if __name__ == "__main__":
    main()
