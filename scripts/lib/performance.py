"""Runs pool-bench's measurements and writes their table into docs/performance.md."""

import json
import os
import platform
import subprocess
import sys
import tempfile

BEGIN, END = "<!-- figures: made by scripts/performance -->", "<!-- end of figures -->"
QUICK = bool(os.environ.get("QUICK"))
DURATION = "2s" if QUICK else "10s"
PAIRS = "2" if QUICK else "5"

# Mode, workers, connections, where the workers run, what runs beside it.
LOADS = [
    ("statement", 256, 16, "global", ["pgbench", "libpq", "pgxpool"]),
    ("statement", 256, 16, "reactor", ["pgbench", "libpq", "pgxpool"]),
    ("exclusive", 256, 16, "global", ["pgbench", "libpq", "pgxpool"]),
    ("exclusive", 256, 16, "reactor", ["pgbench", "libpq", "pgxpool"]),
    ("shared", 256, 4, "global", ["pgbench"]),
    ("shared", 256, 4, "reactor", ["pgbench"]),
    ("transaction", 256, 16, "global", ["pgbench"]),
    ("exclusive", 1000, 16, "global", []),
    ("idle", 1, 16, "global", []),
    ("idle", 256, 16, "global", ["pgxpool"]),
]


def measure(bench, arguments):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run([bench, *arguments, "--json", file.name], check=True,
                       stdout=subprocess.DEVNULL)
        with open(file.name, encoding="utf-8") as result:
            return json.load(result)


def per_100k(cpu, operations):
    return f"{cpu / operations * 1e5:.2f}" if operations else "–"


def main(bench):
    lines = [
        BEGIN, "",
        f"Measured on {os.cpu_count()} cores, {platform.system()} {platform.release().split("-")[0]}, server on "
        f"loopback, {DURATION} each in {PAIRS} interleaved pairs.", "",
        "| load | per second | CPU s per 100 k | latency p50 / p99 / p99.9 ms | "
        "per worker min / median / max | beside it: per second, CPU, ours ÷ theirs |",
        "|---|---|---|---|---|---|",
    ]
    commands = []
    for mode, workers, connections, executor, baselines in LOADS:
        arguments = ["run", "--mode", mode, "--workers", str(workers),
                     "--pool-size", str(connections), "--executor", executor,
                     "--duration", DURATION]
        for name in baselines:
            arguments += ["--baseline", name]
        if baselines:
            arguments += ["--pairs", PAIRS]
        commands.append("pool-bench " + " ".join(arguments))
        result = measure(bench, arguments)
        beside = "; ".join(
            f"{b['name']} {b['throughput']:,.0f}, "
            f"{per_100k(b['client_cpu_seconds'], b['operations'])}, **{b['throughput_ratio']:.2f}**"
            for b in result.get("baselines", []))
        latency, spread = result["latency_ms"], result["operations_per_worker"]
        lines.append(
            f"| {mode}, {workers} workers on {connections}, {executor} executor "
            f"| {result['throughput']:,.0f} "
            f"| {per_100k(result['client_cpu_seconds'], result['operations'])} "
            f"| {latency['p50']:.3g} / {latency['p99']:.3g} / {latency['p999']:.3g} "
            f"| {spread['min']:,} / {spread['median']:,.0f} / {spread['max']:,} | {beside} |")
        if workers == 1000:
            acquire = result["acquire_ms"]
            lines[-1] = lines[-1][:-2] + (
                f" acquire p50 {acquire['p50']:.1f}, p99 {acquire['p99']:.1f} ms: "
                f"{acquire['p99'] / acquire['p50']:.2f} |")
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
    main(sys.argv[1])
