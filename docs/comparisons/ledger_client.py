"""Adds rows to a ledger through another library, and tells each operation's fate on standard output.

Each line is `KIND worker number seconds [error]`, seconds of the monotonic clock: A acknowledged,
E an error that the caller saw, U outcome unknown, F given up. The policy is a careful application's:
what failed before COMMIT is repeated until the deadline, as is what the library itself says to
repeat; what failed during COMMIT is not, since it may be there.
"""

import argparse
import os
import sys
import threading
import time

import psycopg

INSERT = "INSERT INTO comparison_ledger (worker, number) VALUES (%s, %s)"
LOCK = threading.Lock()
STOP = threading.Event()


def tell(kind, worker, number, error=None):
    line = f"{kind} {worker} {number} {time.monotonic():.6f}"
    if error is not None:
        line += f" {type(error).__name__}"
    with LOCK:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class PsycopgPool:
    """psycopg_pool with all hosts and target_session_attrs=read-write."""

    def __init__(self, options):
        import psycopg_pool
        hosts = options.hosts.split(",")
        self.pool = psycopg_pool.ConnectionPool(
            f"host={options.hosts} port={','.join([options.port] * len(hosts))} user={options.user} "
            f"dbname={options.database} target_session_attrs=read-write connect_timeout=2 "
            "tcp_user_timeout=3000",
            min_size=options.workers, max_size=options.workers, timeout=options.deadline, open=True)

    def operate(self, worker, number):
        """Returns None, or the error and whether repeating is safe."""
        is_committing = False
        try:
            with self.pool.connection() as connection:
                connection.execute(INSERT, (worker, number))
                is_committing = True
                connection.commit()
            return None
        except Exception as error:  # noqa: BLE001 - whatever a caller would see
            return error, not is_committing


class AWSWrapper:
    """The AWS advanced Python wrapper with its own detection, one connection a caller."""

    def __init__(self, options):
        from aws_advanced_python_wrapper import AwsWrapperConnection, errors
        self.errors = errors
        self.connections = threading.local()
        self.connect = lambda: AwsWrapperConnection.connect(
            psycopg.Connection.connect,
            f"host={options.endpoint} port={options.port} user={options.user} "
            f"dbname={options.database} connect_timeout=2",
            # No wrapper_dialect: named, it would not load the topology before the first failure,
            # and then ask the dead writer for it.
            autocommit=False,
            cluster_instance_host_pattern=f"{options.pattern}:{options.port}")

    def operate(self, worker, number):
        connection = getattr(self.connections, "mine", None)
        is_committing = False
        try:
            if connection is None:
                connection = self.connections.mine = self.connect()
            with connection.cursor() as cursor:
                cursor.execute(INSERT, (worker, number))
            is_committing = True
            connection.commit()
            return None
        except self.errors.FailoverSuccessError as error:
            # Its documentation: the connection is a new writer's, repeat what you did.
            return error, True
        except self.errors.TransactionResolutionUnknownError as error:
            return error, False
        except Exception as error:  # noqa: BLE001 - whatever a caller would see
            self.connections.mine = None
            try:
                if connection is not None:
                    connection.close()
            except Exception:  # noqa: BLE001 - it is lost either way
                pass
            return error, not is_committing


def work(client, worker, deadline):
    number = 0
    while not STOP.is_set():
        end = time.monotonic() + deadline
        while True:
            failure = client.operate(worker, number)
            if failure is None:
                tell("A", worker, number)
                break
            error, may_repeat = failure
            tell("E", worker, number, error)
            if not may_repeat:
                tell("U", worker, number)
                break
            if time.monotonic() >= end or STOP.is_set():
                tell("F", worker, number)
                break
            time.sleep(0.01)
        number += 1


CLIENTS = {"psycopg_pool": PsycopgPool, "aws-wrapper": AWSWrapper}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=CLIENTS)
    for name in ("hosts", "port", "user", "database", "endpoint", "pattern"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--deadline", type=float, default=15)
    options = parser.parse_args()
    client = CLIENTS[options.client](options)
    for worker in range(options.workers):
        threading.Thread(target=work, args=(client, worker, options.deadline), daemon=True).start()
    sys.stdin.read()  # until the one who started this closes it
    STOP.set()
    time.sleep(0.5)
    os._exit(0)  # threads of a library that hangs would be waited for


if __name__ == "__main__":
    main()
