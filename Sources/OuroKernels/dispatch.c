// Which variants this machine can run.
#include "OuroKernels.h"

extern const ouro_kernels ouro_kernels_portable;
#if defined(__x86_64__)
extern const ouro_kernels ouro_kernels_avx512;
#endif

const ouro_kernels *ouro_kernels_available(size_t index) {
    const ouro_kernels *found[2];
    size_t count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma"))
        found[count++] = &ouro_kernels_avx512;
#endif
    found[count++] = &ouro_kernels_portable;
    return index < count ? found[index] : 0;
}

void ouro_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
