// Measurements of what this machine can do at best, with a variant's own instructions. Only benchmarks use them.
#ifndef OURO_PROBES_H
#define OURO_PROBES_H

#include "OuroTypes.h"

// Every probe returns a value that depends on all of its work, so that the compiler cannot remove any of it.
typedef struct ouro_probes {
    // Multiply-adds in f32. One step is `multiply_add_operations` operations.
    float (*multiply_add)(size_t steps);

    // Dot products of 8-bit integers. One step is `integer_dot_operations` operations.
    int32_t (*integer_dot)(size_t steps);

    // Reads n bytes (a multiple of 4096) as one stream or as four streams, with a prefetch hint.
    uint32_t (*read)(const void *bytes, size_t n, int streams, ouro_prefetch prefetch);

    // A multiply-add counts as two operations.
    double multiply_add_operations, integer_dot_operations;
} ouro_probes;

#endif
