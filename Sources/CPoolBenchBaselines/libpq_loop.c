// A minimal closed loop over libpq and epoll: one thread, some connections, on each of them one
// prepared statement a round trip, in binary, or many in a pipeline. It is what a pool's overhead is measured against, so
// it does nothing that a correct loop could leave out, and allocates nothing of its own per operation.

#define _GNU_SOURCE
#include "baselines.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, INT4_OID = 23 };

/// The steps of one operation; without a transaction only the statement is done.
enum { STEP_BEGIN, STEP_STATEMENT, STEP_COMMIT };
static const char *const step_names[] = {"pool_bench_begin", "pool_bench", "pool_bench_commit"};

typedef struct {
    PGconn *pg;
    int step;
    /// The parameters of the statements under way: a ring, of which `first` is the oldest.
    int32_t *parameters;
    int first;
    int count;
    int is_busy;
} connection;

typedef struct {
    const pool_bench_libpq_options *options;
    pool_bench_libpq_result *result;
    connection *connections;
    int epoll;
    int busy;
    int is_ending;
    uint64_t random;
} loop;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double thread_cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int fail(loop *loop, const char *what, const char *why) {
    snprintf(loop->result->error, sizeof loop->result->error, "%s: %s", what, why);
    for (char *c = loop->result->error; *c; c++) {
        if (*c == '\n') *c = ' ';
    }
    return -1;
}

static int32_t draw(loop *loop) {
    const pool_bench_libpq_options *options = loop->options;
    loop->random = loop->random * 6364136223846793005u + 1442695040888963407u;
    uint64_t count = (uint64_t)((int64_t)options->parameter_max - options->parameter_min) + 1;
    return (int32_t)(options->parameter_min + (int64_t)((loop->random >> 33) % count));
}

static int prepare(loop *loop, PGconn *pg, int step, const char *sql, int parameters) {
    const Oid types[] = {INT4_OID};
    PGresult *result = PQprepare(pg, step_names[step], sql, parameters, types);
    int is_prepared = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return is_prepared ? 0 : fail(loop, "prepare", PQerrorMessage(pg));
}

static int open_connection(loop *loop, connection *connection) {
    const pool_bench_libpq_options *options = loop->options;
    connection->pg = PQconnectdb(options->conninfo);
    if (PQstatus(connection->pg) != CONNECTION_OK) {
        return fail(loop, "connect", PQerrorMessage(connection->pg));
    }
    if (prepare(loop, connection->pg, STEP_STATEMENT, options->statement, options->has_parameter))
        return -1;
    if (options->is_transaction
        && (prepare(loop, connection->pg, STEP_BEGIN, "begin", 0)
            || prepare(loop, connection->pg, STEP_COMMIT, "commit", 0)))
        return -1;
    connection->parameters = calloc((size_t)options->depth, sizeof *connection->parameters);
    if (!connection->parameters) return fail(loop, "memory", strerror(ENOMEM));
    if (PQsetnonblocking(connection->pg, 1)
        || (options->depth > 1 && !PQenterPipelineMode(connection->pg))) {
        return fail(loop, "connect", PQerrorMessage(connection->pg));
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, PQsocket(connection->pg), &event)) {
        return fail(loop, "epoll", strerror(errno));
    }
    return 0;
}

/// Sends what libpq still holds. Statements are small and one at a time, so the socket takes them;
/// where it doesn't, this waits, consuming what arrives so that both sides can't fill up.
static int flush(loop *loop, connection *connection) {
    int state;
    while ((state = PQflush(connection->pg)) == 1) {
        struct pollfd ready = {PQsocket(connection->pg), POLLIN | POLLOUT, 0};
        if (poll(&ready, 1, -1) < 0 && errno != EINTR) return fail(loop, "poll", strerror(errno));
        if ((ready.revents & POLLIN) && !PQconsumeInput(connection->pg)) break;
    }
    return state == 0 ? 0 : fail(loop, "send", PQerrorMessage(connection->pg));
}

// libpq 17 keeps a sync for the flush that follows; before, it sends at each.
extern int PQsendPipelineSync(PGconn *connection) __attribute__((weak));
static int keeps_syncs(void) { return PQsendPipelineSync != NULL; }

static int send_step(loop *loop, connection *connection) {
    uint32_t value = 0;
    const char *values[] = {(const char *)&value};
    const int lengths[] = {sizeof value}, formats[] = {1};
    int parameters = 0;
    if (connection->step == STEP_STATEMENT && loop->options->has_parameter) {
        int32_t drawn = draw(loop);
        connection->parameters[(connection->first + connection->count) % loop->options->depth] =
            drawn;
        value = htonl((uint32_t)drawn);
        parameters = 1;
    }
    if (!PQsendQueryPrepared(connection->pg, step_names[connection->step], parameters, values,
                             lengths, formats, 1)) {
        return fail(loop, "send", PQerrorMessage(connection->pg));
    }
    connection->count++;
    if (loop->options->depth == 1) return flush(loop, connection);
    int is_ended = keeps_syncs() ? PQsendPipelineSync(connection->pg) : PQpipelineSync(connection->pg);
    return is_ended ? 0 : fail(loop, "send", PQerrorMessage(connection->pg));
}

static void cork(connection *connection, int value) {
    if (keeps_syncs()) return;
    setsockopt(PQsocket(connection->pg), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

/// Sends as many statements as are still missing, in one segment.
static int refill(loop *loop, connection *connection) {
    if (loop->is_ending || connection->count == loop->options->depth) return 0;
    cork(connection, 1);
    while (connection->count < loop->options->depth) {
        if (send_step(loop, connection)) return -1;
    }
    int failure = flush(loop, connection);
    cork(connection, 0);
    return failure;
}

static int begin_operation(loop *loop, connection *connection) {
    connection->step = loop->options->is_transaction ? STEP_BEGIN : STEP_STATEMENT;
    if (!connection->is_busy) {
        connection->is_busy = 1;
        loop->busy++;
    }
    return loop->options->depth > 1 ? refill(loop, connection) : send_step(loop, connection);
}

static int check(loop *loop, connection *connection, const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        return fail(loop, "statement", PQerrorMessage(connection->pg));
    }
    if (connection->step != STEP_STATEMENT || !loop->options->returns_parameter) return 0;
    uint32_t value = 0;
    if (PQntuples(result) == 1 && PQgetlength(result, 0, 0) == (int)sizeof value) {
        memcpy(&value, PQgetvalue(result, 0, 0), sizeof value);
    }
    int is_right = (int32_t)ntohl(value) == connection->parameters[connection->first];
    return is_right ? 0 : fail(loop, "statement", "wrong answer");
}

/// A step's answer is complete: go on with the operation, or begin the next one.
static int finish_step(loop *loop, connection *connection) {
    connection->first = (connection->first + 1) % loop->options->depth;
    connection->count--;
    if (loop->options->is_transaction && connection->step != STEP_COMMIT) {
        connection->step++;
        return send_step(loop, connection);
    }
    loop->result->operations++;
    if (!loop->is_ending) {
        return loop->options->depth > 1 ? 0 : begin_operation(loop, connection);
    }
    if (connection->count > 0) return 0;
    connection->is_busy = 0;
    loop->busy--;
    return 0;
}

static int receive(loop *loop, connection *connection) {
    if (!PQconsumeInput(connection->pg)) {
        return fail(loop, "receive", PQerrorMessage(connection->pg));
    }
    int is_pipeline = loop->options->depth > 1;
    while (connection->count > 0 && !PQisBusy(connection->pg)) {
        PGresult *result = PQgetResult(connection->pg);
        int is_end = is_pipeline ? PQresultStatus(result) == PGRES_PIPELINE_SYNC : !result;
        // In a pipeline no result comes between two statements.
        int failed = is_end   ? finish_step(loop, connection)
                     : result ? check(loop, connection, result)
                              : 0;
        PQclear(result);
        if (failed) return -1;
    }
    return is_pipeline ? refill(loop, connection) : 0;
}

static int run(loop *loop) {
    struct epoll_event events[MAX_EVENTS];
    double deadline = now() + loop->options->seconds;
    for (int i = 0; i < loop->options->connections; i++) {
        if (begin_operation(loop, &loop->connections[i])) return -1;
    }
    while (loop->busy > 0) {
        double left = deadline - now();
        if (left <= 0) loop->is_ending = 1;
        int timeout = loop->is_ending ? -1 : (int)(left * 1000) + 1;
        int count = epoll_wait(loop->epoll, events, MAX_EVENTS, timeout);
        if (count < 0 && errno != EINTR) return fail(loop, "epoll", strerror(errno));
        for (int i = 0; i < count; i++) {
            connection *connection = events[i].data.ptr;
            if (!connection) {
                loop->is_ending = 1;
                epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->options->stop_descriptor, NULL);
            } else if (receive(loop, connection)) {
                return -1;
            }
        }
    }
    return 0;
}

static int set_up(loop *loop) {
    const pool_bench_libpq_options *options = loop->options;
    if (!loop->connections) return fail(loop, "memory", strerror(ENOMEM));
    if (loop->epoll < 0) return fail(loop, "epoll", strerror(errno));
    if (options->stop_descriptor >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, options->stop_descriptor, &event)) {
            return fail(loop, "epoll", strerror(errno));
        }
    }
    for (int i = 0; i < options->connections; i++) {
        if (open_connection(loop, &loop->connections[i])) return -1;
    }
    return 0;
}

int pool_bench_libpq_run(const pool_bench_libpq_options *options, pool_bench_libpq_result *result) {
    memset(result, 0, sizeof *result);
    loop loop = {
        .options = options,
        .result = result,
        .connections = calloc((size_t)options->connections, sizeof(connection)),
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .random = options->seed,
    };
    int status = set_up(&loop);
    if (status == 0) {
        double began = now(), cpu = thread_cpu();
        status = run(&loop);
        result->seconds = now() - began;
        result->cpu_seconds = thread_cpu() - cpu;
    }
    for (int i = 0; loop.connections && i < options->connections; i++) {
        if (loop.connections[i].pg) PQfinish(loop.connections[i].pg);
        free(loop.connections[i].parameters);
    }
    free(loop.connections);
    if (loop.epoll >= 0) close(loop.epoll);
    return status;
}
