// x86-64 with AVX-512 (F, BW, VL, DQ) and VNNI: 24 sums fill 24 of the 32 registers.
#if defined(__x86_64__)
#define VARIANT avx512
#define HAS_FMA 1
#define DOT4 1
#define DIRECT_ROWS 24
#define BLOCKED_ROWS 8
#define BLOCKED_PANELS 3
#define QUANTISED_ROWS 12
// The headers come first: the target is for this project's functions only.
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma"))), apply_to = function)
static inline __attribute__((always_inline)) int32_t four_bytes(const int8_t *x) {
    int32_t word;
    memcpy(&word, x, sizeof word);
    return word;
}
#define dot4(sum, w, x) ((vi)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(w), _mm512_set1_epi32(four_bytes(x))))
#include "kernels.inc"
#pragma clang attribute pop
#endif
