"""Drills every fault with pool-bench and writes the tables into docs/failover.md."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures import write_between  # noqa: E402

BEGIN, END = "<!-- figures: made by scripts/failover -->", "<!-- end of figures -->"
SOAK_BEGIN, SOAK_END = "<!-- soak: made by scripts/failover -->", "<!-- end of soak -->"
PAGE = "docs/failover.md"

FAULTS = ["kill", "freeze", "demote", "cut", "stall", "lost-ack", "restart-promoted",
          "restart-all", "stale-endpoint"]
COMMITS = ["plain", "verified"]

HEAD = [
    "| fault | commit | recovered | detected | first write after the promotion | throughput back "
    "| errors to callers | unknown | acknowledged | lost | duplicated | phantom |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|",
]


def options(arguments):
    parser = argparse.ArgumentParser(prog="scripts/failover")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--plain-rounds", type=int)
    parser.add_argument("--fault", action="append", choices=FAULTS)
    parser.add_argument("--soak")
    parser.add_argument("--soak-only", action="store_true")
    parser.add_argument("--reports")
    chosen = parser.parse_args(arguments)
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 20)
    chosen.plain_rounds = chosen.plain_rounds or chosen.rounds
    chosen.soak = chosen.soak or ("0s" if chosen.fault else "1m" if chosen.quick else "15m")
    chosen.writes = not chosen.quick and not chosen.fault
    chosen.faults = [] if chosen.soak_only else chosen.fault or FAULTS
    return chosen


def drill(bench, arguments, name, reports):
    """The result and the exit status; what falls short has a result too."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(reports or folder, f"{name}.json")
        words = [bench, *arguments, "--json", path]
        if reports:
            words += ["--html", os.path.join(reports, f"{name}.html")]
        print("+", "pool-bench", *arguments, file=sys.stderr, flush=True)
        done = subprocess.run(words, stdout=subprocess.DEVNULL, check=False)
        if done.returncode not in (0, 1) or not os.path.exists(path):
            sys.exit(f"pool-bench {' '.join(arguments)}: exit status {done.returncode}")
        with open(path, encoding="utf-8") as file:
            return json.load(file), done.returncode


def times(rounds, key):
    """`median / longest` in milliseconds, of the rounds that have it."""
    found = [r[key] for r in rounds if r[key] is not None]
    if not found:
        return "–"
    missing = len(rounds) - len(found)
    text = f"{statistics.median(found):,.0f} / {max(found):,.0f} ms"
    return text + (f" ({missing} never)" if missing else "")


def row(fault, commit, result):
    rounds = result["rounds"]
    totals = [result.get(k) for k in ("acknowledged", "lost", "duplicated", "phantom")]
    errors = sum(result["errors"].values())
    flight = max((r["in_flight"] for r in rounds), default=0)
    unknown = f"{result.get('unknown', '–')}, at most {flight} in flight a round"
    cells = [fault, commit, f"{sum(r['recovered'] for r in rounds)} of {len(rounds)}",
             times(rounds, "detected_ms"), times(rounds, "first_write_ms"),
             times(rounds, "throughput_back_ms"), f"{errors:,}",
             unknown if result.get("unknown") else "0",
             *["–" if t is None else f"{t:,}" for t in totals]]
    return "| " + " | ".join(cells) + " |"


def soak_lines(result):
    soak, rounds = result.get("soak"), result["rounds"]
    lines = [f"Soak of {result['seconds'] / 60:.0f} minutes, seed {result['seed']}: "
             f"{len(rounds)} faults, {sum(r['recovered'] for r in rounds)} recovered, "
             f"{result.get('acknowledged', 0):,} rows acknowledged, {result.get('lost', '–')} lost, "
             f"{result.get('duplicated', '–')} duplicated, {result.get('phantom', '–')} phantom, "
             f"{result.get('unknown', '–')} unknown, {sum(result['errors'].values()):,} errors."]
    if soak:
        server = soak["server_connections"]
        lines.append(
            f"Connections on one server: {server['peak']} at most of {server['limit']} "
            f"({server['samples']:,} samples, {server['violations']} above). Resident memory "
            f"{soak['memory']['early'] / 2**20:.0f} MiB in the second quarter, "
            f"{soak['memory']['late'] / 2**20:.0f} MiB in the last; open descriptors "
            f"{soak['descriptors']['early']:.0f} and {soak['descriptors']['late']:.0f}.")
    return lines


def main(bench, arguments):
    chosen = options(arguments)
    if chosen.reports:
        os.makedirs(chosen.reports, exist_ok=True)
    lines = [
        f"Measured on {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release().split('-')[0]}, 64 callers, 16 connections, "
        "promotion 3 s after the fault. Times are median / longest; detected counts from the fault.",
        "", *HEAD]
    fell_short = []
    for fault in chosen.faults:
        if fault == "cut" and os.geteuid() != 0:
            lines.append("| cut | – | not measured: needs root |" + " – |" * 9)
            continue
        for commit in COMMITS:
            rounds = chosen.plain_rounds if commit == "plain" else chosen.rounds
            words = ["failover", "--fault", fault, "--rounds", str(rounds), "--commit", commit]
            result, status = drill(bench, words, f"failover-{fault}-{commit}", chosen.reports)
            lines.append(row(fault, commit, result))
            if status:
                fell_short.append(" ".join(words))
    if not chosen.soak.startswith("0"):
        words = ["soak", "--duration", chosen.soak, "--commit", "verified", "--seed", "1"]
        result, status = drill(bench, words, "soak", chosen.reports)
        soak = soak_lines(result)
        if status:
            soak += ["", "It fell short (exit status 1)."]
            fell_short.append(" ".join(words))
        soak += ["", "```", "pool-bench " + " ".join(words), "```"]
        print("\n".join(soak))
        if chosen.writes:
            write_between(PAGE, SOAK_BEGIN, SOAK_END, soak)
    if not chosen.faults:
        sys.exit(1 if fell_short else 0)
    if fell_short:
        lines += ["", "These fell short (exit status 1): "
                  + "; ".join(f"`pool-bench {w}`" for w in fell_short) + "."]
    lines += ["", "```", "pool-bench failover --fault FAULT --rounds ROUNDS --commit plain|verified",
              "```"]
    if chosen.writes:
        write_between(PAGE, BEGIN, END, lines)
    print("\n".join(lines))
    sys.exit(1 if fell_short else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
