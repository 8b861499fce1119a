// The variant for aarch64 with the dot product extension.
//
// There are 32 registers of 4 floats. A sum of 16 floats takes four, so six sums take 24 and leave 8 for operands.
#if defined(__aarch64__)
#define VARIANT neon
#define HAS_FMA 1
#define HAS_F16 1
#define DOT4 1
#define DIRECT_ROWS 6
#define DIRECT_SUMS 4
#define BLOCKED_ROWS 6
#define QUANTISED_ROWS 4
#define QUANTISED_BLOCKED_ROWS 4
#define QUANTISED_SUMS 4
#define ATTENTION_QUERIES 4
#define ATTENTION_SUMS 4
// System headers come before the pragma, so that only this project's functions are compiled for the target.
#include <arm_neon.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#include "vector.inc"

INLINE vi dot4_low(vi sum, vb w, const int8_t *x) {
    const vi word = splat_word(x);
    int32x4_t sums[4];
    int8x16_t weights[4], activations;
    memcpy(sums, &sum, sizeof sums);
    memcpy(weights, &w, sizeof weights);
    memcpy(&activations, &word, sizeof activations);
    for (int i = 0; i < 4; i++) sums[i] = vdotq_s32(sums[i], weights[i], activations);
    memcpy(&sum, sums, sizeof sum);
    return sum;
}

// sdot multiplies signed bytes only. So it gets w - 128 (w with its top bit flipped), and 128 times the sum of the
// activations is added.
INLINE vi dot4(vi sum, vb w, const int8_t *x) {
    const vi word = splat_word(x);
    int8x16_t activations;
    memcpy(&activations, &word, sizeof activations);
    const int32x4_t missing = vdotq_s32(vdupq_n_s32(0), vdupq_n_s8(-128), activations);
    vi correction;
    for (int i = 0; i < 4; i++) memcpy((char *)&correction + 16 * i, &missing, sizeof missing);
    return dot4_low(sum - correction, w ^ splat_bytes(0x80), x);
}

INLINE vi dot4_signed(vi sum, vb w, const int8_t *x) { return dot4_low(sum, w, x); }

#include "kernels.inc"
#pragma clang attribute pop
#endif
