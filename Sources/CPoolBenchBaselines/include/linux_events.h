// Linux's event interface, which Swift's Glibc module leaves out.
#ifndef POOL_BENCH_LINUX_EVENTS_H
#define POOL_BENCH_LINUX_EVENTS_H

#include <sys/epoll.h>
#include <sys/eventfd.h>

#endif
