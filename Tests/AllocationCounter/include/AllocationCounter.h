// Counts the memory that a thread asks for, where malloc can be replaced (glibc).
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdint.h>

// Whether it is counted on this platform.
int32_t allocation_counter_works(void);

// Forgets what the calling thread has asked for so far.
void watch_allocations(void);

// The largest piece, in bytes, that the calling thread has asked for since.
int64_t largest_allocation(void);

#endif
