// Constants and element types that all kernels share. OuroKernels.h explains the shapes and the rules.
#ifndef OURO_TYPES_H
#define OURO_TYPES_H

#include <stddef.h>
#include <stdint.h>

// P: outputs of a weight panel. It is also the length of every vector in the kernels: 16 values of f32.
#define OURO_PANEL 16

// Positions of a block of the KV cache.
#define OURO_BLOCK 16

typedef enum ouro_element { OURO_F32 = 0, OURO_F16 = 1, OURO_BF16 = 2 } ouro_element;

// How keys and values are stored. Q8: signed 8-bit integers, with one f32 scale per head and position.
typedef enum ouro_kv_element { OURO_KV_F32 = 0, OURO_KV_BF16 = 1, OURO_KV_Q8 = 2 } ouro_kv_element;

// Prefetch hint for weights, which a pass reads once.
typedef enum ouro_prefetch {
    OURO_PREFETCH_T0 = 0,    // into all cache levels
    OURO_PREFETCH_NTA = 1,   // into the first level, bypassing the outer ones
    OURO_PREFETCH_NONE = 2,  // no prefetch instructions: the hardware prefetcher works alone
    OURO_PREFETCH_T1 = 3     // into the second level, from which the hardware prefetcher fills the first
} ouro_prefetch;

// Values of a head's row of values in a block: D rounded up to whole vectors.
static inline size_t ouro_value_stride(size_t head_dimension) {
    return (head_dimension + OURO_PANEL - 1) / OURO_PANEL * OURO_PANEL;
}

#endif
