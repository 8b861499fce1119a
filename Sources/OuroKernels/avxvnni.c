// The variant for x86-64 with AVX2 and AVX-VNNI, but without AVX-512: recent laptops and desktops.
//
// It is avx2.c with a single instruction for the dot product of bytes (vpdpbusd).
#if defined(__x86_64__)
#define VARIANT avxvnni
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
#include <immintrin.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)
#include "vector.inc"

// left: unsigned bytes; right: signed bytes.
INLINE vi dot_bytes(vi sum, vi left, vi right) {
    __m256i sums[2], lefts[2], rights[2];
    memcpy(sums, &sum, sizeof sums);
    memcpy(lefts, &left, sizeof lefts);
    memcpy(rights, &right, sizeof rights);
    for (int i = 0; i < 2; i++) sums[i] = _mm256_dpbusd_avx_epi32(sums[i], lefts[i], rights[i]);
    memcpy(&sum, sums, sizeof sum);
    return sum;
}
INLINE vi dot4(vi sum, vb w, const int8_t *x) { return dot_bytes(sum, (vi)w, splat_word(x)); }
INLINE vi dot4_low(vi sum, vb w, const int8_t *x) { return dot4(sum, w, x); }
INLINE vi dot4_signed(vi sum, vb w, const int8_t *x) { return dot_bytes(sum, splat_word(x), (vi)w); }

#include "kernels.inc"
#pragma clang attribute pop
#endif
