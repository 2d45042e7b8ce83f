// What PGPool needs of libpq beyond its own header: probes for functions that older versions lack.
#ifndef PGPOOL_LIBPQ_H
#define PGPOOL_LIBPQ_H

#include <libpq-fe.h>

#ifndef LIBPQ_HAS_PIPELINING
#error "PGPool needs libpq 14 or newer (pipeline mode). On Debian: apt-get install libpq-dev"
#endif

#endif
