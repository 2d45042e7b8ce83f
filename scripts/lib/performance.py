"""Runs pool-bench's measurements and writes their table into docs/performance.md."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

BEGIN, END = "<!-- figures: made by scripts/performance -->", "<!-- end of figures -->"
QUICK = bool(os.environ.get("QUICK"))
DURATION = "1s" if QUICK else "10s"
# Of what has something beside it: so long, so often. Each pair has processes of its own, since where
# a process happens to lie in memory makes up to a fifth of its throughput.
SLICE = "1s" if QUICK else "3s"
PAIRS = 2 if QUICK else 5

# Mode, workers, connections, where the workers run, what runs beside it, and whether all of these load a
# libpq of version 17.
LOADS = [
    ("statement", 256, 16, "global", ["pgbench", "libpq", "pgxpool"], False),
    ("statement", 256, 16, "reactor", ["pgbench", "libpq", "pgxpool"], False),
    ("exclusive", 256, 16, "global", ["pgbench", "libpq", "pgxpool"], False),
    ("exclusive", 256, 16, "reactor", ["pgbench", "libpq", "pgxpool"], False),
    ("exclusive", 256, 16, "reactor", ["pgbench", "libpq", "pgxpool"], True),
    ("shared", 256, 4, "global", ["pgbench", "libpq-pipeline"], False),
    ("shared", 256, 4, "reactor", ["pgbench", "libpq-pipeline"], False),
    ("shared", 256, 4, "reactor", ["pgbench", "libpq-pipeline"], True),
    ("shared", 1000, 4, "reactor", [], False),
    ("transaction", 256, 16, "global", ["pgbench"], False),
    ("exclusive", 1000, 16, "global", [], False),
    ("idle", 1, 16, "global", [], False),
    ("idle", 256, 16, "global", ["pgxpool"], False),
]

# Two modes against each other: workers, connections. Unsaturated, sharing is to cost nothing; where
# transactions hold connections, it is to pay.
CONTESTS = [
    ("shared", "exclusive", 4, 16),
    ("mixed", "mixed-exclusive", 64, 8),
]


def measure(bench, arguments, libpq=None):
    environment = {**os.environ, **({"LD_LIBRARY_PATH": libpq} if libpq else {})}
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run([bench, *arguments, "--json", file.name], check=True,
                       stdout=subprocess.DEVNULL, env=environment)
        with open(file.name, encoding="utf-8") as result:
            return json.load(result)


def middle(results, key):
    return statistics.median(result[key] for result in results)


def cpu(results):
    """Client CPU seconds per 100 k operations."""
    return f"{statistics.median(r['client_cpu_seconds'] / r['operations'] * 1e5 for r in results):.2f}"


def contests(bench, commands):
    """Pairs of loads that have no baseline but each other, by turns."""
    rows = ["| beside each other, by turns | per second | CPU s per 100 k "
            "| latency p50 / p99 ms | a transaction's wait p50 / p99 ms | ratio |",
            "|---|---|---|---|---|---|"]
    for first, second, workers, connections in CONTESTS:
        def command(mode):
            return ["run", "--mode", mode, "--workers", str(workers), "--pool-size",
                    str(connections), "--executor", "reactor", "--duration", SLICE]
        results = [(measure(bench, command(first)), measure(bench, command(second)))
                   for _ in range(PAIRS)]
        ratio = statistics.median(a["throughput"] / b["throughput"] for a, b in results)
        for place, mode in enumerate((first, second)):
            taken = [pair[place] for pair in results]
            wait = "–"
            if mode.startswith("mixed"):
                waits = [result["acquire_ms"] for result in taken]
                wait = f"{middle(waits, 'p50'):.3g} / {middle(waits, 'p99'):.3g}"
            latencies = [result["latency_ms"] for result in taken]
            rows.append(
                f"| {mode}, {workers} workers on {connections} "
                f"| {middle(taken, 'throughput'):,.0f} | {cpu(taken)} "
                f"| {middle(latencies, 'p50'):.3g} / {middle(latencies, 'p99'):.3g} | {wait} "
                f"| {f'**{ratio:.2f}**' if place == 0 else ''} |")
            commands.append("pool-bench " + " ".join(command(mode)))
    return rows


def main(bench, newer_libpq):
    lines = [
        BEGIN, "",
        f"Measured on {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release().split('-')[0]}, server on loopback. What has something beside it: "
        f"{SLICE} each, by turns, {PAIRS} times, each time in new processes; figures are medians, "
        f"of the ratios too. The rest: {DURATION}.", "",
        "| load | per second | CPU s per 100 k | latency p50 / p99 / p99.9 ms | "
        "per worker min / median / max | beside it: per second, CPU, ours ÷ theirs |",
        "|---|---|---|---|---|---|",
    ]
    commands = []
    for mode, workers, connections, executor, baselines, is_newer in LOADS:
        arguments = ["run", "--mode", mode, "--workers", str(workers),
                     "--pool-size", str(connections), "--executor", executor,
                     "--duration", SLICE if baselines else DURATION]
        for name in baselines:
            arguments += ["--baseline", name]
        if baselines:
            arguments += ["--pairs", "1"]
        loading = f"LD_LIBRARY_PATH={os.path.relpath(newer_libpq)} " if is_newer and newer_libpq else ""
        commands.append(loading + "pool-bench " + " ".join(arguments))
        results = [measure(bench, arguments, newer_libpq if is_newer else None)
                   for _ in range(PAIRS if baselines else 1)]
        beside = "; ".join(
            f"{name} {middle(rivals, 'throughput'):,.0f}, {cpu(rivals)}, "
            f"**{middle(rivals, 'throughput_ratio'):.2f}**"
            for name, rivals in [
                (name, [b for r in results for b in r["baselines"] if b["name"] == name])
                for name in baselines])
        # The distributions of the run in the middle.
        result = sorted(results, key=lambda r: r["throughput"])[len(results) // 2]
        latency, spread = result["latency_ms"], result["operations_per_worker"]
        lines.append(
            f"| {mode}, {workers} workers on {connections}, {executor} executor"
            f"{', libpq 17' if is_newer else ''} "
            f"| {middle(results, 'throughput'):,.0f} | {cpu(results)} "
            f"| {latency['p50']:.3g} / {latency['p99']:.3g} / {latency['p999']:.3g} "
            f"| {spread['min']:,} / {spread['median']:,.0f} / {spread['max']:,} | {beside} |")
        if workers == 1000:
            name = "acquire" if result["acquire_ms"] else "latency"
            wait = result[name + "_ms"]
            lines[-1] = lines[-1][:-2] + (
                f" {name} p50 {wait['p50']:.1f}, p99 {wait['p99']:.1f} ms: "
                f"{wait['p99'] / wait['p50']:.2f} |")
    lines += ["", *contests(bench, commands)]
    spike = ["spike", "--rounds", "2" if QUICK else "10"]
    commands.append("pool-bench " + " ".join(spike))
    lines += ["", f"Spike (50 callers, 5 warm connections, 150 ms a connect, 2 ms of work): "
              f"**{measure(bench, spike)['burst_ms']:.1f} ms**.", "", "```"]
    lines += [*commands, "```", "", END]
    path = "docs/performance.md"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + "\n".join(lines) + after)
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
