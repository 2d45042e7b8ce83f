"""The same work as wide-rows, by asyncpg on uvloop. Arguments: the server's URL, records|none."""

import asyncio
import resource
import sys

import asyncpg
import uvloop

ROWS_PER_QUERY = 100_000
QUERIES = 10


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def main(url, way):
    connection = await asyncpg.connect(url)
    await connection.fetch("SELECT 1")
    checksum = 0
    before = cpu_seconds()
    for part in range(QUERIES):
        first = part * ROWS_PER_QUERY
        rows = await connection.fetch(
            "SELECT * FROM wide WHERE id >= $1 AND id < $2", first, first + ROWS_PER_QUERY)
        if way == "none":
            checksum += len(rows)
        else:
            # asyncpg has decoded every column by now; reading two costs as much as in wide-rows.
            for row in rows:
                checksum += row[0] + len(row[2])
    spent = cpu_seconds() - before
    print(f"{'asyncpg, ' + way:20} {spent:.2f} s of CPU, checksum {checksum}")
    await connection.close()


uvloop.run(main(sys.argv[1], sys.argv[2]))
