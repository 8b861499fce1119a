// The variant for x86-64 with AVX-512 (F, BW, VL, DQ) and VNNI.
//
// There are 32 registers of 16 floats. 24 of them hold sums.
//
// Weights of bf16 are converted to f32. vdpbf16ps would do 1.7 times as many multiply-adds (measured on Zen 5), but it
// rounds activations to bf16.
#if defined(__x86_64__)
#define VARIANT avx512
#define HAS_FMA 1
#define HAS_F16 1
#define DOT4 1
#define DIRECT_ROWS 24
#define DIRECT_SUMS 24
#define BLOCKED_ROWS 8
#define QUANTISED_ROWS 16
#define QUANTISED_BLOCKED_ROWS 12
#define QUANTISED_SUMS 16
#define ATTENTION_QUERIES 8
#define ATTENTION_SUMS 16
// System headers come before the pragma, so that only this project's functions are compiled for the target.
#include <immintrin.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c"))), \
                             apply_to = function)
#include "vector.inc"

INLINE vi dot4(vi sum, vb w, const int8_t *x) {
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)w, (__m512i)splat_word(x));
}
INLINE vi dot4_low(vi sum, vb w, const int8_t *x) { return dot4(sum, w, x); }
INLINE vi dot4_signed(vi sum, vb w, const int8_t *x) {
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)splat_word(x), (__m512i)w);
}

#include "kernels.inc"
#pragma clang attribute pop
#endif
