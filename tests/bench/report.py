"""The table, and the figures in it, as text."""

VERDICTS = {"aim": "aim reached", "reach": "reached", "below": "BELOW", "": ""}


def figure(value):
    """Three digits: 63.7k, 145k, 1.20M."""
    for limit, divisor, suffix in ((1e6, 1e6, "M"), (1e3, 1e3, "k")):
        if value >= limit * 0.9995:
            return _three_digits(value / divisor) + suffix
    return _three_digits(value)


def _three_digits(value):
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def _figures(spread, factor=1):
    """Median, least and greatest; of "4 x etcd" the fourfold, so that the ratio can be checked."""
    median, least, most = (figure(spread[key] * factor) for key in ("median", "min", "max"))
    return f"{median} ({least}-{most})"


def _lines(result):
    """The table's cells for one result, a line for each system beside ours."""
    if "error" in result:
        yield [str(result["row"]), result["what"], "not measured: " + result["error"]]
        return
    first = [str(result["row"]), result["what"], _figures(result["ours"])]
    for beside in result["beside"] or [None]:
        if beside is None:
            yield first + [""] * 7
        elif beside["name"] == "limit":
            yield first + ["limit", "", "", "", figure(beside["reach"]), figure(beside["aim"]),
                           VERDICTS[beside["verdict"]]]
        else:
            wanted = ["", ""] if beside["reach"] is None else [f"{beside['reach']:g}",
                                                               f"{beside['aim']:g}"]
            yield first + [beside["name"], _figures(beside["figures"], beside["factor"]), _figures(beside["ratio"]),
                           f"{beside['cpu_ratio']:.2f}" if "cpu_ratio" in beside else "",
                           *wanted, VERDICTS[beside["verdict"]]]
        first = ["", "", ""]


def table(results):
    """All results; medians, in brackets the least and greatest of the rounds."""
    rows = [["#", "what", "this project", "beside", "", "ratio", "by CPU", "reach",
             "aim", ""]]
    for result in results:
        rows.extend(_lines(result))
    whole = [row for row in rows if len(row) == 10]
    widths = [max(len(row[i]) for row in whole) for i in range(10)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in rows)


def machine_lines(facts, settings):
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    yield (f"{facts['cpu']}, {facts['cores']} cores, Linux {facts['kernel']}, {facts['disk']}, "
           f"{facts['date']}, load {facts['load']}, {facts['commit']}")
    yield (f"{settings['rounds']} rounds of {settings['seconds']:g} s, alternating; medians "
           f"(least-greatest); ratios pair by pair; by CPU: of the servers' processor time a request")
    yield f"beside: {versions or 'nothing that is installed'}"
    for name, reason in facts["skipped"].items():
        yield f"without {name}: {reason}"
