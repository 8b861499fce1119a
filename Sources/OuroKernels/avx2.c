// The variant for x86-64 with AVX2, FMA and F16C.
//
// There are 16 registers of 8 floats. A sum of 16 floats takes two, so six sums take 12 and leave 4 for operands.
#if defined(__x86_64__)
#define VARIANT avx2
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
#include <immintrin.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "vector.inc"

// The lower or upper half of a vector.
INLINE __m256i half_of(vi v, int upper) {
    __m256i half;
    memcpy(&half, (const char *)&v + 32 * upper, sizeof half);
    return half;
}

INLINE vi whole(__m256i lower, __m256i upper) {
    vi v;
    memcpy(&v, &lower, sizeof lower);
    memcpy((char *)&v + 32, &upper, sizeof upper);
    return v;
}

// vpmaddubsw would saturate: 2 * 255 * 127 exceeds 16 bits. So even and odd bytes are widened to 16 bits separately.
INLINE __m256i dot4_half(__m256i sum, __m256i w, __m256i x) {
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(w, _mm256_set1_epi16(0xff)),
                                           _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(w, 8), _mm256_srai_epi16(x, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}
INLINE vi dot4(vi sum, vb w, const int8_t *x) {
    const __m256i word = half_of(splat_word(x), 0);
    return whole(dot4_half(half_of(sum, 0), half_of((vi)w, 0), word),
                 dot4_half(half_of(sum, 1), half_of((vi)w, 1), word));
}

// For weights below 128 vpmaddubsw cannot saturate: 2 * 127 * 128 = 32512.
INLINE __m256i dot4_low_half(__m256i sum, __m256i w, __m256i x) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
}
INLINE vi dot4_low(vi sum, vb w, const int8_t *x) {
    const __m256i word = half_of(splat_word(x), 0);
    return whole(dot4_low_half(half_of(sum, 0), half_of((vi)w, 0), word),
                 dot4_low_half(half_of(sum, 1), half_of((vi)w, 1), word));
}

// vpmaddubsw takes unsigned bytes on the left: here the activations.
INLINE vi dot4_signed(vi sum, vb w, const int8_t *x) {
    const __m256i word = half_of(splat_word(x), 0);
    return whole(dot4_low_half(half_of(sum, 0), word, half_of((vi)w, 0)),
                 dot4_low_half(half_of(sum, 1), word, half_of((vi)w, 1)));
}

#include "kernels.inc"
#pragma clang attribute pop
#endif
