#!/usr/bin/env python3
"""Measures this project beside what a user would take instead. Run it through ./scripts/bench."""

import argparse
import json
import pathlib
import signal
import sys

import compare
import growth
import machine
import report
import rows
from lab import ROOT, BenchError, Lab


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="This project beside nginx, redis, etcd, ENet, the "
        "old Python programs and bare kernel loops, whatever of them is installed.")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--rows", default=",".join(map(str, rows.ROWS)),
                        help="which rows, such as 1,2,16 (all)")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds (3)")
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement (2)")
    parser.add_argument("--growth", action="store_true",
                        help="cost as the work grows, and docs/growth.svg, instead of the table")
    parser.add_argument("--svg", default=ROOT / "docs" / "growth.svg", help=argparse.SUPPRESS)
    parser.add_argument("--bin", type=lambda text: pathlib.Path(text).resolve(),
                        default=ROOT / "build" / "release" / "bin",
                        help="measure the programs in this folder, and build none")
    arguments = parser.parse_args()
    try:
        arguments.rows = [int(word) for word in arguments.rows.split(",")]
    except ValueError:
        parser.error("--rows takes numbers, such as 1,2,16")
    unknown = [number for number in arguments.rows if number not in rows.ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]}; there are {', '.join(map(str, rows.ROWS))}")
    if arguments.rounds < 1 or not 0.1 <= arguments.seconds <= 600:
        parser.error("--rounds is at least 1, --seconds 0.1 to 600")
    return arguments


def show_progress(text):
    """One line that replaces itself, for a person who waits."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure_rows(lab, numbers):
    results = []
    for number in numbers:
        try:
            results += rows.ROWS[number](lab)
        except (BenchError, OSError) as error:
            results.append(compare.failed(number, rows.ROWS[number].__name__, error))
    return results


def run(arguments):
    """What was asked for; gives the whole of it as one object, and the same as text."""
    settings = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    found = {"machine": machine.facts(), "settings": settings}
    lab = Lab(arguments.bin, arguments.seconds, arguments.rounds, show_progress)
    lines = list(report.machine_lines(found["machine"], settings))
    try:
        if arguments.growth:
            found["growth"] = growth.measure(lab)
            lines.append(growth.table(found["growth"]))
            growth.draw(found, arguments.svg)
            lines.append(f"wrote {arguments.svg}")
        else:
            found["rows"] = measure_rows(lab, arguments.rows)
            lines.append(report.table(found["rows"]))
        found["notes"] = lab.notes
    finally:
        show_progress("")
        lab.close()
    return found, "\n".join(lines + lab.notes)


def main():
    arguments = parse_arguments()
    # Ends the children as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        found, text = run(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=1) if arguments.json else text)
    return 1 if any("error" in row for row in found.get("rows", [])) else 0


if __name__ == "__main__":
    sys.exit(main())
