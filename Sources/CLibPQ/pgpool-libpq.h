// What PGPool needs of libpq and of the system beyond what Swift imports by itself: probes for
// functions that older versions lack, and small inline helpers.
#ifndef PGPOOL_LIBPQ_H
#define PGPOOL_LIBPQ_H

#include <libpq-fe.h>

#ifndef LIBPQ_HAS_PIPELINING
#error "PGPool needs libpq 14 or newer (pipeline mode). On Debian: apt-get install libpq-dev"
#endif

// Since version 17, libpq can end a segment and keep it for the flush that follows; before, it sends at
// each sync. What counts is the libpq that is loaded, not the one that was compiled against.
#ifdef __linux__
extern int PQsendPipelineSync(PGconn *connection) __attribute__((weak));
static inline int pgpool_keeps_syncs(void) { return PQsendPipelineSync != 0; }
#elif defined(LIBPQ_HAS_SEND_PIPELINE_SYNC)
static inline int pgpool_keeps_syncs(void) { return 1; }
#else
#define PQsendPipelineSync PQpipelineSync
static inline int pgpool_keeps_syncs(void) { return 0; }
#endif

/// Ends a segment; to be followed by a flush.
static inline int pgpool_sync(PGconn *connection) {
    return pgpool_keeps_syncs() ? PQsendPipelineSync(connection) : PQpipelineSync(connection);
}

// The frame at which a suspended task goes on: the word behind its job, as Swift's runtime lays tasks
// out (Task.h). Only ever a hint: with another layout it would be another word of the task, which is
// longer than this, and cost time and nothing else.
static inline const void *pgpool_frame(const void *task) { return ((const void *const *)task)[8]; }

// Asks for some cache lines, to be written to. Reads nothing, so any address will do.
static inline void pgpool_prefetch(const void *address, int lines) {
    for (const char *line = (const char *)address; lines > 0; lines--, line += 64) {
#ifdef __x86_64__
        // Clang's own asks for a line to be read, unless it is told the processor.
        __asm__ volatile("prefetchw %0" : : "m"(*line));
#else
        __builtin_prefetch(line, 1);
#endif
    }
}

#ifdef __linux__
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

// pthread_setname_np hides behind _GNU_SOURCE, which an importer cannot define.
static inline void pgpool_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// So does sched_getcpu.
extern int sched_getcpu(void);
static inline int pgpool_processor(void) { return sched_getcpu(); }
#endif

#endif
