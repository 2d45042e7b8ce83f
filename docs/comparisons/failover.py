"""Drives the same ledger through other libraries and through PGPool while a LocalCluster fails over."""

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import psycopg

from local_cluster import Cluster, PromotionWatch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts", "lib"))
from figures import write_between  # noqa: E402

BEGIN, END = "<!-- comparison: made by docs/comparisons/run -->", "<!-- end of comparison -->"
PAGE = os.path.join(HERE, "..", "failover.md")
FAULTS = ["kill", "freeze", "demote", "lost-ack", "restart-promoted", "restart-all"]
CLIENTS = ["psycopg_pool", "aws-wrapper"]
NAMES = {"pgpool": "PGPool, verified"}
WARM_UP = 4
# Seconds from the fault to the promotion, one round after the other and the same for everybody: the
# pauses between the attempts of some libraries are fixed, so a single delay is luck, good or bad.
PROMOTE_AFTER = [2, 3, 4, 5, 6]

Round = collections.namedtuple("Round", "errors first_write lost duplicated unknown acknowledged")


class Load:
    """The client's process, and what it told."""

    def __init__(self, client, cluster, workers):
        node = cluster.nodes[0]
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "ledger_client.py"), client,
             "--hosts", ",".join(cluster.hosts), "--port", str(node.port),
             "--user", node.username, "--database", node.path.lstrip("/"),
             "--endpoint", cluster.endpoint, "--pattern", cluster.pattern, "--workers", str(workers)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.acknowledged, self.errors, self.unknown = {}, [], 0
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            kind, worker, number, moment, *error = line.split()
            if kind == "A":
                self.acknowledged[int(worker), int(number)] = float(moment)
            elif kind == "E":
                self.errors.append(error[0])
            elif kind == "U":
                self.unknown += 1

    def first_since(self, moment):
        return min((t for t in list(self.acknowledged.values()) if t >= moment), default=None)

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()


def play(program, client, fault, delay, workers, limit):
    cluster = Cluster(program, fault, WARM_UP, delay)
    watch = load = None
    try:
        with psycopg.connect(cluster.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE comparison_ledger (worker int, number bigint)")
        watch = PromotionWatch([node.geturl() for node in cluster.nodes[1:]])
        load = Load(client, cluster, workers)
        writer = cluster.wait_for_writer(WARM_UP + delay + 60)
        promoted = watch.promoted()
        if promoted is None or not load.acknowledged:
            raise RuntimeError(f"{client}: no promotion was seen, or no row acknowledged before it")
        deadline = time.monotonic() + limit
        first = None
        while first is None and time.monotonic() < deadline:
            time.sleep(0.05)
            first = load.first_since(promoted)
        time.sleep(2)
        load.end()
        with psycopg.connect(writer) as connection:
            rows = collections.Counter(
                connection.execute("SELECT worker, number FROM comparison_ledger").fetchall())
        return Round(len(load.errors), None if first is None else (first - promoted) * 1e3,
                     sum(1 for key in load.acknowledged if key not in rows),
                     sum(1 for count in rows.values() if count > 1), load.unknown,
                     len(load.acknowledged))
    finally:
        if load and load.process.poll() is None:
            load.process.kill()
        if watch:
            watch.end()
        cluster.end()


def pgpool(bench, fault, delay, workers):
    """The same figures from pool-bench."""
    # The bench puts a new file in the place of an old one, so the path is opened afterwards.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "result.json")
        done = subprocess.run(
            [bench, "failover", "--fault", fault, "--rounds", "1", "--workers", str(workers),
             "--pool-size", str(workers), "--commit", "verified",
             "--promote-after", f"{delay}s", "--json", path],
            stdout=subprocess.DEVNULL, check=False)
        if done.returncode not in (0, 1):
            sys.exit(f"pool-bench: exit status {done.returncode}")
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
    if not result["rounds"]:
        sys.exit(f"pool-bench: no round of {fault} was played")
    played = result["rounds"][0]
    return Round(sum(result["errors"].values()),
                 played["first_write_ms"] if played["recovered"] else None,
                 result["lost"], result["duplicated"], result["unknown"], result["acknowledged"])


def row(name, fault, rounds):
    times = [r.first_write for r in rounds if r.first_write is not None]
    never = len(rounds) - len(times)
    first = f"{statistics.median(times):,.0f} / {max(times):,.0f} ms" if times else "–"
    if never:
        first += f"; never in {never} of {len(rounds)}"
    total = Round(*(sum(r[i] or 0 for r in rounds) for i in range(len(Round._fields))))
    return (f"| {fault} | {name} | {total.errors:,} | {first} | {total.lost} | {total.duplicated} "
            f"| {total.unknown} | {total.acknowledged:,} |")


def main():
    parser = argparse.ArgumentParser(prog="docs/comparisons/run")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only these; repeatable")
    parser.add_argument("--client", action="append", choices=[*CLIENTS, "pgpool"], help="only these")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--limit", type=float, default=45,
                        help="seconds after the promotion after which a row counts as never")
    options = parser.parse_args()
    delays = [PROMOTE_AFTER[i % len(PROMOTE_AFTER)] for i in range(options.rounds)]
    lines = [
        f"{options.rounds} rounds each, {options.workers} callers on as many connections, promotion "
        f"{', '.join(map(str, delays))} s after the fault; first write after the promotion, median "
        f"/ longest, never means not within {options.limit:.0f} s. {versions()}", "",
        "| fault | client | errors to callers | first write | lost | duplicated | unknown "
        "| acknowledged |", "|---|---|---|---|---|---|---|---|"]
    clients = options.client or [*CLIENTS, "pgpool"]
    program = os.path.join(options.programs, "local-cluster")
    for fault in options.fault or FAULTS:
        for client in clients:
            if client == "pgpool":
                bench = os.path.join(options.programs, "pool-bench")
                rounds = [pgpool(bench, fault, delay, options.workers) for delay in delays]
            else:
                rounds = [play(program, client, fault, delay, options.workers, options.limit)
                          for delay in delays]
            lines.append(row(NAMES.get(client, client), fault, rounds))
            print(lines[-1], file=sys.stderr, flush=True)
    command = f"docs/comparisons/run --rounds {options.rounds} --limit {options.limit:.0f}"
    lines += ["", "```", command, "```"]
    if not options.fault and not options.client:
        write_between(PAGE, BEGIN, END, lines)
    print("\n".join(lines))


def versions():
    from importlib.metadata import version
    names = ["psycopg", "psycopg-pool", "aws-advanced-python-wrapper"]
    return ", ".join(f"{name} {version(name)}" for name in names) + "."


if __name__ == "__main__":
    main()
