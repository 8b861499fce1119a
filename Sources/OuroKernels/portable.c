// What any processor can run: the compiler's baseline for the target.
#define VARIANT portable
#if defined(__aarch64__) || defined(__FMA__)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif
#define DOT4 0
#define DIRECT_ROWS 3
#define BLOCKED_ROWS 3
#define BLOCKED_PANELS 1
#define QUANTISED_ROWS 2
#include "kernels.inc"
