// x86-64 with AVX-512 (F, BW, VL, DQ): 12 x 2 sums fill 24 of the 32 registers.
#if defined(__x86_64__)
#define VARIANT avx512
#define MAX_ROWS 12
#define HAS_FMA 1
// The headers come first: the target is for this project's functions only.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), apply_to = function)
#include "kernels.inc"
#pragma clang attribute pop
#endif
