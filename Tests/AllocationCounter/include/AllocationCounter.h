// Counts the memory that a thread asks for, where malloc can be replaced (glibc).
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdint.h>

// Whether it is counted on this platform.
int32_t allocation_counter_works(void);

// Bytes that the calling thread has asked for so far.
int64_t allocated_bytes(void);

#endif
