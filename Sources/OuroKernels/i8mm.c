// The variant for aarch64 with the dot product extension and I8MM.
//
// It is neon.c with usdot, which multiplies unsigned bytes by signed ones.
#if defined(__aarch64__)
#define VARIANT i8mm
#define HAS_FMA 1
#define HAS_F16 1
#define DOT4 1
#define DIRECT_ROWS 6
#define DIRECT_SUMS 4
#define BLOCKED_ROWS 6
#define QUANTISED_ROWS 6
#define QUANTISED_BLOCKED_ROWS 6
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
#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)
#include "vector.inc"

INLINE vi dot4(vi sum, vb w, const int8_t *x) {
    const vi word = splat_word(x);
    int32x4_t sums[4];
    uint8x16_t weights[4];
    int8x16_t activations;
    memcpy(sums, &sum, sizeof sums);
    memcpy(weights, &w, sizeof weights);
    memcpy(&activations, &word, sizeof activations);
    for (int i = 0; i < 4; i++) sums[i] = vusdotq_s32(sums[i], weights[i], activations);
    memcpy(&sum, sums, sizeof sum);
    return sum;
}
INLINE vi dot4_low(vi sum, vb w, const int8_t *x) { return dot4(sum, w, x); }
INLINE vi dot4_signed(vi sum, vb w, const int8_t *x) {
    const vi word = splat_word(x);
    int32x4_t sums[4];
    int8x16_t values[4], probabilities;
    memcpy(sums, &sum, sizeof sums);
    memcpy(values, &w, sizeof values);
    memcpy(&probabilities, &word, sizeof probabilities);
    for (int i = 0; i < 4; i++) sums[i] = vdotq_s32(sums[i], values[i], probabilities);
    memcpy(&sum, sums, sizeof sum);
    return sum;
}

#include "kernels.inc"
#pragma clang attribute pop
#endif
