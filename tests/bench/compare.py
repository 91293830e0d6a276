"""What a row of the table is, and how it is measured: in rounds that alternate between the systems.

A machine that others use as well is faster in one minute than in the next. So a figure counts only
beside its neighbour's of the same round: the ratio told is the median of the rounds' ratios. Beside it,
where a server's own processor time can be told, stands by how much it goes further: others' load moves
that little, and where the load generator is what limits both, it is all that can be seen.
"""

import dataclasses
import math
import statistics
from typing import Callable, Optional

from lab import BenchError, cpu_seconds


@dataclasses.dataclass
class Side:
    """One system in a row. `factor`: the figure counts that many times (4 x etcd)."""
    name: str
    measure: Callable[[], float]
    factor: float = 1
    reach: Optional[float] = None  # least ratio of ours to this side; None: shown, not judged
    aim: Optional[float] = None
    pid: Optional[int] = None  # of a server whose processor time is to be told


@dataclasses.dataclass
class Row:
    """One line of the table: ours, and those beside it."""
    number: int
    what: str
    unit: str
    ours: Side
    others: list
    is_less: bool = False  # the smaller figure is the better one


def spread(samples):
    """Median, least and greatest."""
    return {"median": statistics.median(samples), "min": min(samples), "max": max(samples),
            "samples": samples}


def verdict(value, reach, aim, less_is_better=False):
    """Whether a ratio, or a limit, is reached."""
    if reach is None:
        return ""
    if less_is_better:
        value, reach, aim = -value, -reach, -aim
    return "aim" if value >= aim else "reach" if value >= reach else "below"


def measure(lab, row):
    """All rounds of a row; gives the row's JSON."""
    sides = [row.ours, *row.others]
    samples = [[] for _ in sides]
    costs = [[] for _ in sides]
    for number in range(lab.rounds):
        # Every second round backwards, so that nobody always comes first.
        order = range(len(sides)) if number % 2 == 0 else range(len(sides) - 1, -1, -1)
        for index in order:
            lab.progress(f"row {row.number}, {row.what}: round {number + 1} of {lab.rounds}, "
                         f"{sides[index].name}")
            figure, cost = _measure_side(lab, sides[index])
            samples[index].append(figure)
            costs[index].append(cost)
    result = {"row": row.number, "what": row.what, "unit": row.unit,
              "ours": spread(samples[0]), "beside": []}
    if row.ours.pid:
        result["cpu_us"] = spread(costs[0])
    for side, taken, cost in zip(row.others, samples[1:], costs[1:]):
        ratios = [ours / (theirs * side.factor) for ours, theirs in zip(samples[0], taken)]
        ratio = spread(ratios)
        result["beside"].append({
            "name": side.name, "factor": side.factor, "figures": spread(taken), "ratio": ratio,
            "reach": side.reach, "aim": side.aim,
            "verdict": verdict(ratio["median"], side.reach, side.aim, row.is_less)})
        if side.pid and row.ours.pid:
            result["beside"][-1]["cpu_us"] = spread(cost)
            result["beside"][-1]["cpu_ratio"] = statistics.median(
                theirs / ours for ours, theirs in zip(costs[0], cost))
    return result


def _measure_side(lab, side):
    """One figure, and what each of its units took of the server's processor time, in microseconds."""
    if side.pid is None:
        return side.measure(), None
    before = cpu_seconds(side.pid)
    figure = side.measure()
    units = figure * math.ceil(lab.seconds)  # wrk runs whole seconds
    return figure, max(cpu_seconds(side.pid) - before, 1e-3) / units * 1e6


def measure_limit(lab, number, what, unit, take, reach, aim):
    """A row without a neighbour: `take` gives one figure a round, which must not exceed `reach`."""
    samples = []
    for count in range(lab.rounds):
        lab.progress(f"row {number}, {what}: round {count + 1} of {lab.rounds}")
        samples.append(take())
    figures = spread(samples)
    return {"row": number, "what": what, "unit": unit, "ours": figures,
            "beside": [{"name": "limit", "reach": reach, "aim": aim,
                        "verdict": verdict(figures["median"], reach, aim, less_is_better=True)}]}


def failed(number, what, error):
    """A row that could not be measured, with its reason."""
    if not isinstance(error, (BenchError, OSError)):
        raise error
    return {"row": number, "what": what, "error": str(error)}
