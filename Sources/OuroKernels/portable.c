// What any processor can run: the compiler's baseline for the target.
#define VARIANT portable
#define MAX_ROWS 4
#if defined(__aarch64__) || defined(__FMA__)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif
#include "kernels.inc"
