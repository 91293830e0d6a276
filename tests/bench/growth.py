"""Cost as the work grows: the same figures with 100, 10,000 and 1,000,000 users listed."""

import chart
import meters
import systems
from compare import spread
from lab import memory_kib
from report import figure

SIZES = (100, 10_000, 1_000_000)
CONNECTIONS = 16
CLIENTS = 50
#: Of each figure: key, title of its picture, unit.
FIGURES = (
    ("lookups", "One user looked up (?username=)", "requests/s"),
    ("changes", "REGISTER and LOGOUT, on disk", "changes/s"),
    ("list_bytes", "The whole list", "bytes/s"),
    ("memory", "Resident memory per user", "bytes"),
)


def measure(lab):
    """Per figure and size the median and spread over the rounds."""
    with systems.registry(lab) as empty:
        systems.fetch_list(empty)  # refused, but it has the same machinery warm
        empty_kib = memory_kib(empty.pid)
    samples = {(key, users): [] for key, _, _ in FIGURES for users in SIZES}
    for number in range(lab.rounds):
        for users in SIZES if number % 2 == 0 else reversed(SIZES):
            lab.progress(f"growth: round {number + 1} of {lab.rounds}, {users:,} users")
            for key, value in _measure_once(lab, users, empty_kib):
                samples[key, users].append(value)
    return [{"figure": key, "title": title, "unit": unit,
             "points": [{"users": users, **spread(samples[key, users])} for users in SIZES]}
            for key, title, unit in FIGURES]


def _measure_once(lab, users, empty_kib):
    with systems.registry(lab, users) as server:
        list_bytes = len(systems.fetch_list(server))
        # More than what an empty registry has that has answered as much.
        yield "memory", max(1, memory_kib(server.pid) - empty_kib) * 1024 / users
        yield "lookups", meters.lookups_per_second(lab, server.url, users, CONNECTIONS)
        yield "list_bytes", list_bytes * meters.requests_per_second(
            lab, server.url, CONNECTIONS, timeouts_count=False)
        # Last: it leaves the database larger. Names among those listed, given up again at once.
        yield "changes", meters.registrations(lab, "churn", server.port, CLIENTS,
                                              users)["per_second"]


def table(found):
    """The figures as text."""
    lines = ["users".ljust(46) + "".join(f"{users:,}".rjust(22) for users in SIZES)]
    for row in found:
        cells = [f"{figure(p['median'])} ({figure(p['min'])}-{figure(p['max'])})"
                 for p in row["points"]]
        lines.append(f"{row['title']}, {row['unit']}".ljust(46) +
                     "".join(cell.rjust(22) for cell in cells))
    return "\n".join(lines)


def draw(found, path):
    """Writes the picture."""
    machine, settings = found["machine"], found["settings"]
    caption = (f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, "
               f"{machine['disk']}, {machine['date']}; {settings['rounds']} rounds of "
               f"{settings['seconds']:g} s")
    panels = [chart.Panel(title=row["title"], unit=row["unit"],
                          points=[(p["users"], p["median"], p["min"], p["max"])
                                  for p in row["points"]]) for row in found["growth"]]
    with open(path, "w", encoding="utf-8") as file:
        file.write(chart.draw("Cost as the number of users grows", panels, caption))
