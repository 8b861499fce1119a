// The variant that every processor can run: the compiler's baseline for the target.
#define VARIANT portable
#define DOT4 0
#if defined(__aarch64__)
// 32 registers of 4 floats; a sum of 16 floats takes four.
#define HAS_FMA 1
#define HAS_F16 1
#define DIRECT_ROWS 6
#define DIRECT_SUMS 4
#define BLOCKED_ROWS 6
#define QUANTISED_ROWS 4
#define QUANTISED_BLOCKED_ROWS 4
#define QUANTISED_SUMS 4
#define ATTENTION_QUERIES 4
#define ATTENTION_SUMS 4
#else
// 16 registers of 4 floats; a sum of 16 floats takes four.
#if defined(__FMA__)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif
#define HAS_F16 0
#define DIRECT_ROWS 2
#define DIRECT_SUMS 2
#define BLOCKED_ROWS 2
#define QUANTISED_ROWS 2
#define QUANTISED_BLOCKED_ROWS 2
#define QUANTISED_SUMS 2
#define ATTENTION_QUERIES 2
#define ATTENTION_SUMS 2
#endif
#include "vector.inc"

#include "kernels.inc"
