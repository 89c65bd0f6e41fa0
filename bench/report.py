# SPDX-License-Identifier: Apache-2.0
"""docs/performance.md and docs/performance.svg out of the results."""

import math
import platform
import subprocess
from html import escape
from pathlib import Path

from workloads import CORES


def figure(value):
    """Three significant digits, readable."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".replace(",", " ")


def _rows_of(rows, workload, case):
    return {row["subject"]: row for row in rows if (row["workload"], row["params"]) == (workload.id, case.params)}


def _judge(target, case, own, found):
    """(what is asked, what was found, whether it is met)"""
    value = own["median"]
    if target.other is None:
        return f"≤ {figure(target.factor)} {case.unit}", f"{figure(value)} {case.unit}", value <= target.factor
    other = found[target.other]["median"]
    if target.kind == "at most":
        ratio = value / other
        return f"≤ {target.factor:g} × {target.other}", f"{ratio:.2f} ×", ratio <= target.factor
    if case.rate:
        ratio = value / other
        if target.factor > 1:
            return f"≥ {target.factor:g} × {target.other}", f"{figure(ratio)} ×", ratio >= target.factor
        return f"≥ {target.factor:.0%} of {target.other}", f"{ratio:.0%}", ratio >= target.factor
    ratio = other / value
    wanted = f"faster than {target.other}" if target.factor == 1 else f"≥ {target.factor:g} × faster than {target.other}"
    return wanted, f"{figure(ratio)} ×", ratio >= target.factor


def targets(everything, rows):
    """Every target that the results can tell about, as a Markdown table."""
    lines = ["| workload | case | target | measured | |", "|---|---|---|---|---|"]
    for workload in everything:
        for case in workload.cases:
            found = _rows_of(rows, workload, case)
            for subject, own in found.items():
                if not subject.startswith("plait"):
                    continue
                for target in case.targets:
                    wanted, got, met = _judge(target, case, own, found)
                    params = case.params if subject == "plait" else f"{case.params}, {subject}"
                    verdict = "met" if met else "**falls short**"
                    lines.append(f"| {workload.id} | {params} | {wanted} | {got} | {verdict} |")
    return "\n".join(lines) + "\n"


def _machine():
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    compiler = subprocess.run(["c++", "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
    return f"{model}, {CORES} cores, Linux {platform.release()}, {compiler}, Python {platform.python_version()}"


def page(everything, rows):
    text = [
        "# Performance",
        "",
        "Written by `scripts/bench`. Within a workload all subjects took turns on the same machine; every subject is a",
        "process of its own and checks its results. Figures are medians, with the fastest and slowest run behind them.",
        "",
        f"Machine: {_machine()}.",
        "",
        "![Median of every subject, by workload](performance.svg)",
        "",
        "`raw` is the limit: a lane (one way; `raw-echo`: there and back) or ping-pong in bare shared memory, memcpy, fork",
        "and wait; `raw-processes`: memcpy into shared memory and out of it. `python` is Python's own ProcessPoolExecutor,",
        "`python-pool` its multiprocessing.Pool, `python-threads` its ThreadPoolExecutor; `std` is std::async, `tbb`",
        "oneTBB's task_group, `tbb-enqueue` its task_arena::enqueue, `asio` Boost.Asio's thread_pool. Pools that Debian has",
        "no package of (Taskflow, BS::thread_pool, concurrencpp) are not measured. Of queues, `python` is queue.Queue or",
        "queue.SimpleQueue, `std` a std::deque with a mutex and condition variables, `tbb` concurrent_bounded_queue,",
        "`moodycamel` its BlockingConcurrentQueue, which has no bound and keeps the order of each producer only.",
        "",
        "## Targets",
        "",
        targets(everything, rows),
        "## Figures",
        "",
    ]
    for workload in everything:
        if not any(row["workload"] == workload.id for row in rows):
            continue
        text += [f"### {workload.id}", "", f"{workload.title}.", ""]
        for case in workload.cases:
            found = _rows_of(rows, workload, case)
            own = found.get("plait")
            text += [f"| {case.params} | {case.unit} | min … max | runs | to plait |", "|---|--:|--:|--:|--:|"]
            for subject, row in found.items():
                ratio = f"{row['median'] / own['median']:.3g} ×" if own and own["median"] else ""
                text.append(
                    f"| {subject} | {figure(row['median'])} | {figure(row['min'])} … {figure(row['max'])} "
                    f"| {row['runs']} | {ratio} |"
                )
            text.append("")
            if case.note:
                text += [case.note, ""]
    return "\n".join(text)


def _bars(case, found, top):
    """One panel: a bar for each subject on a logarithmic scale that begins at the power of ten below the smallest."""
    values = [row["median"] for row in found.values() if row["median"] > 0]
    low = math.floor(math.log10(min(values))) if values else 0
    high = max(math.ceil(math.log10(max(values))), low + 1) if values else 1
    parts = []
    for index, (subject, row) in enumerate(found.items()):
        y = top + 20 * index
        value = row["median"]
        width = 380 * (math.log10(value) - low + 0.05) / (high - low + 0.05) if value > 0 else 1
        colour = "#2a6f97" if subject.startswith("plait") else "#8d99ae" if subject in ("raw", "raw-echo", "serial") else "#c9ada7"
        parts.append(f'<text x="150" y="{y + 12}" text-anchor="end">{escape(subject)}</text>')
        parts.append(f'<rect x="158" y="{y}" width="{width:.1f}" height="15" fill="{colour}"/>')
        parts.append(f'<text x="{164 + width:.1f}" y="{y + 12}">{figure(value)} {escape(case.unit)}</text>')
    return parts


def plot(everything, rows):
    parts = []
    y = 20
    for workload in everything:
        for case in workload.cases:
            found = _rows_of(rows, workload, case)
            if not found:
                continue
            better = "more is better" if case.rate else "less is better"
            label = escape(f"{workload.id}: {case.params}")
            parts.append(f'<text x="10" y="{y}"><tspan font-weight="bold">{label}</tspan> ({better}, log scale)</text>')
            parts += _bars(case, found, y + 8)
            y += 20 * len(found) + 36
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{y}" viewBox="0 0 720 {y}" '
        'font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n"
