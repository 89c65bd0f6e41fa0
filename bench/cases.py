# SPDX-License-Identifier: Apache-2.0
"""What a workload is made of: cases, each with subjects and targets."""

from dataclasses import dataclass, field


@dataclass
class Target:
    """plait against another subject of the case, as the issue asks for it; `other` None: an absolute bound."""

    factor: float
    other: str | None
    kind: str  # "at most": value <= factor * other's; "faster": other's / value >= factor (for rates value / other's)


@dataclass
class Case:
    """One row of a workload: what is run, in which unit."""

    params: str
    unit: str
    subjects: dict[str, list[str]]  # name -> command; names that begin with "plait" are ours
    targets: list[Target] = field(default_factory=list)
    rate: bool = False  # more is better
    probe: str | None = None  # what bench/probe.py measures from outside, instead of what the subject says
    together: bool = False  # the runs do not disturb each other
    note: str = ""  # what a reader must know to judge the figures


@dataclass
class Workload:
    id: str
    title: str
    cases: list[Case]


def at_most(factor, other=None):
    return Target(factor, other, "at most")


def faster(factor, other):
    return Target(factor, other, "faster")
