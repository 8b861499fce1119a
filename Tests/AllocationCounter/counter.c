#include "AllocationCounter.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

static __thread size_t largest;

void watch_allocations(void) { largest = 0; }

int64_t largest_allocation(void) { return (int64_t)largest; }

#if defined(__GLIBC__)

static void note(size_t size) {
    if (size > largest) largest = size;
}

// The linker prefers the executable's definitions, so these functions replace the library's for all code in the
// process.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

int32_t allocation_counter_works(void) { return 1; }

void *malloc(size_t size) {
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t items, size_t size) {
    note(items * size);
    return __libc_calloc(items, size);
}

void *realloc(void *memory, size_t size) {
    note(size);
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    note(size);
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

#else

int32_t allocation_counter_works(void) { return 0; }

#endif
