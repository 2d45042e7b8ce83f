// Tells ThreadSanitizer about Swift's Mutex.
//
// On Linux, Mutex takes its fast path inline, where the sanitizer sees the atomics, and its slow
// path in the standard library, which isn't instrumented and lets the kernel write the lock
// word: every contended Mutex would be reported as a data race. This file, linked into the test
// program only, stands in front of the slow paths and says what they do.
//
// A newer Swift may rename them. Then nothing here is called, and the false reports come back.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *

#define HANDLE "$s15Synchronization12_MutexHandleV"
#define LOCK_SLOW HANDLE "9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW HANDLE "12_tryLockSlowSbyF"
#define UNLOCK_SLOW HANDLE "11_unlockSlowyyF"

void __tsan_acquire(void *address);
void __tsan_release(void *address);

static SWIFT void (*real_lock)(uint32_t, SELF);
static SWIFT bool (*real_try_lock)(SELF);
static SWIFT void (*real_unlock)(SELF);

__attribute__((constructor)) static void find_the_real_ones(void) {
    *(void **)&real_lock = dlsym(RTLD_NEXT, LOCK_SLOW);
    *(void **)&real_try_lock = dlsym(RTLD_NEXT, TRY_LOCK_SLOW);
    *(void **)&real_unlock = dlsym(RTLD_NEXT, UNLOCK_SLOW);
}

SWIFT void lock_slow(uint32_t thread, SELF self) __asm__(LOCK_SLOW);
SWIFT void lock_slow(uint32_t thread, SELF self) {
    real_lock(thread, self);
    __tsan_acquire(self);
}

SWIFT bool try_lock_slow(SELF self) __asm__(TRY_LOCK_SLOW);
SWIFT bool try_lock_slow(SELF self) {
    bool taken = real_try_lock(self);
    if (taken) __tsan_acquire(self);
    return taken;
}

SWIFT void unlock_slow(SELF self) __asm__(UNLOCK_SLOW);
SWIFT void unlock_slow(SELF self) {
    __tsan_release(self);
    real_unlock(self);
}
