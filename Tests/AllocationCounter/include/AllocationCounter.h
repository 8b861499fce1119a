// Records the largest allocation of a thread. It works where malloc can be replaced (glibc).
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdint.h>

// Whether this platform records allocations: 1 or 0.
int32_t allocation_counter_works(void);

// Resets the record of the calling thread.
void watch_allocations(void);

// The size in bytes of the calling thread's largest allocation since watch_allocations.
int64_t largest_allocation(void);

#endif
