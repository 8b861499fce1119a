// Which variants this machine can run.
#include "OuroKernels.h"
#include "reading.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

extern const ouro_kernels ouro_kernels_portable;

int ouro_asking = KEEPING;

#if defined(__x86_64__)
extern const ouro_kernels ouro_kernels_avx512, ouro_kernels_avxvnni, ouro_kernels_avx2;

// Asked of the processor itself: not every compiler and run-time library knows AVX-VNNI by name.
static int has_avxvnni(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}

// As measured. Zen 5 is up to 7 % faster with ONCE; Intel's Emerald Rapids is slower. On Zen 4 one row of bf16 takes 0.88
// and eight of 8 bits take 0.8 of the time with SECOND. Its family is Zen 3's too, which lacks AVX-512 and was not measured.
__attribute__((constructor)) static void recognise_processor(void) {
    __builtin_cpu_init();
    unsigned signature = 0, b, c, d;
    __get_cpuid(1, &signature, &b, &c, &d);
    const unsigned family = (signature >> 8 & 15) + (signature >> 20 & 255);
    if (!__builtin_cpu_is("amd")) return;
    if (family == 0x1a) ouro_asking = ONCE;
    if (family == 0x19 && __builtin_cpu_supports("avx512f")) ouro_asking = SECOND;
}

static size_t list_processor(const ouro_kernels **found) {
    size_t count = 0;
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (avx2 && avx512 && __builtin_cpu_supports("avx512vnni")) found[count++] = &ouro_kernels_avx512;
    if (avx2 && has_avxvnni()) found[count++] = &ouro_kernels_avxvnni;
    if (avx2) found[count++] = &ouro_kernels_avx2;
    return count;
}
#elif defined(__aarch64__)
extern const ouro_kernels ouro_kernels_i8mm, ouro_kernels_neon;

#if defined(__linux__)
// Bits of the kernel's ABI, named here because older headers lack them.
static int has_dot_product(void) { return getauxval(AT_HWCAP) >> 20 & 1; }
static int has_i8mm(void) { return getauxval(AT_HWCAP2) >> 13 & 1; }
#elif defined(__APPLE__)
static int has(const char *feature) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(feature, &value, &size, 0, 0) == 0 && value;
}
static int has_dot_product(void) { return has("hw.optional.arm.FEAT_DotProd"); }
static int has_i8mm(void) { return has("hw.optional.arm.FEAT_I8MM"); }
#else
static int has_dot_product(void) { return 0; }
static int has_i8mm(void) { return 0; }
#endif

static size_t list_processor(const ouro_kernels **found) {
    size_t count = 0;
    if (has_dot_product() && has_i8mm()) found[count++] = &ouro_kernels_i8mm;
    if (has_dot_product()) found[count++] = &ouro_kernels_neon;
    return count;
}
#else
static size_t list_processor(const ouro_kernels **found) {
    (void)found;
    return 0;
}
#endif

const ouro_kernels *ouro_kernels_available(size_t index) {
    const ouro_kernels *found[4];
    size_t count = list_processor(found);
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
