// What pool-bench compares itself with in its own process: a minimal loop over libpq and epoll.
#ifndef POOL_BENCH_BASELINES_H
#define POOL_BENCH_BASELINES_H

#include <stdint.h>

/// What the loop is to do.
typedef struct {
    const char *conninfo;
    const char *statement;
    /// Whether the statement has `$1`, which gets a random int4.
    int has_parameter;
    /// Whether the answer must be the parameter.
    int returns_parameter;
    /// Whether each statement has a transaction of its own around it: BEGIN, the statement, COMMIT.
    int is_transaction;
    int32_t parameter_min;
    int32_t parameter_max;
    int connections;
    /// Statements under way on each connection. More than one are pipelined, each with a sync of its
    /// own, and those that are sent together leave in one segment; not for transactions.
    int depth;
    double seconds;
    uint64_t seed;
    /// A descriptor that becomes readable when the loop is to stop early, or -1.
    int stop_descriptor;
} pool_bench_libpq_options;

/// What the loop did.
typedef struct {
    uint64_t operations;
    double seconds;
    /// CPU of the loop's thread while it ran; connecting is left out.
    double cpu_seconds;
    /// Empty when all went well.
    char error[512];
} pool_bench_libpq_result;

/// Runs the loop on the calling thread. Returns 0, or -1 with the result's `error` filled in.
int pool_bench_libpq_run(const pool_bench_libpq_options *options, pool_bench_libpq_result *result);

/// Turns a connection string into environment variables that libpq and its relatives read, so that
/// no password is among a child's arguments.
///
/// Returns names and values by turns, ended by NULL, to be freed with
/// `pool_bench_environment_free`; or NULL if the string is no connection string.
char **pool_bench_environment(const char *conninfo);

void pool_bench_environment_free(char **environment);

#endif
