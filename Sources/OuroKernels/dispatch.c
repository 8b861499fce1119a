// Finds the variants that this machine can run, and the prefetch hint that suits its processor.
#include "OuroKernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

extern const ouro_variant ouro_variant_portable;

// MARK: processors

// Each architecture defines two functions. `list_variants` writes the variants that need more than the baseline, best
// first, and returns their number. `weight_prefetch` returns the hint for `matmul`.

#if defined(__x86_64__)
extern const ouro_variant ouro_variant_avx512, ouro_variant_avxvnni, ouro_variant_avx2;

// Reads CPUID itself: some compilers and run-time libraries do not know the feature name "avxvnni".
static int has_avxvnni(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}

static size_t list_variants(const ouro_variant **found) {
    size_t count = 0;
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (avx2 && avx512 && __builtin_cpu_supports("avx512vnni")) found[count++] = &ouro_variant_avx512;
    if (avx2 && has_avxvnni()) found[count++] = &ouro_variant_avxvnni;
    if (avx2) found[count++] = &ouro_variant_avx2;
    return count;
}

// The hint is chosen from measurements:
//
//   processor                      hint   compared with T0
//   AMD Zen 5 (family 0x1a)        NTA    up to 7 % faster
//   AMD Zen 4 (0x19, AVX-512)      T1     time 0.88 for one row of bf16, 0.8 for eight rows of 8-bit weights
//   Intel Emerald Rapids           T0     NTA is slower
//
// Zen 3 has the family of Zen 4, but no AVX-512. It was not measured, so it gets T0, as all other processors do.
static ouro_prefetch weight_prefetch(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_is("amd")) return OURO_PREFETCH_T0;
    unsigned signature = 0, b, c, d;
    __get_cpuid(1, &signature, &b, &c, &d);
    const unsigned family = (signature >> 8 & 15) + (signature >> 20 & 255);
    if (family == 0x1a) return OURO_PREFETCH_NTA;
    if (family == 0x19 && __builtin_cpu_supports("avx512f")) return OURO_PREFETCH_T1;
    return OURO_PREFETCH_T0;
}
#elif defined(__aarch64__)
extern const ouro_variant ouro_variant_i8mm, ouro_variant_neon;

#if defined(__linux__)
// The bits have these numbers in the kernel's ABI. Older headers do not name them.
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

static size_t list_variants(const ouro_variant **found) {
    size_t count = 0;
    if (has_dot_product() && has_i8mm()) found[count++] = &ouro_variant_i8mm;
    if (has_dot_product()) found[count++] = &ouro_variant_neon;
    return count;
}

static ouro_prefetch weight_prefetch(void) { return OURO_PREFETCH_T0; }
#else
static size_t list_variants(const ouro_variant **found) {
    (void)found;
    return 0;
}

static ouro_prefetch weight_prefetch(void) { return OURO_PREFETCH_T0; }
#endif

// MARK: entry points

int ouro_variant_at(size_t index, ouro_variant *variant) {
    const ouro_variant *found[4];
    size_t count = list_variants(found);
    found[count++] = &ouro_variant_portable;
    if (index >= count) return 0;
    *variant = *found[index];
    variant->pass.prefetch = weight_prefetch();
    return 1;
}

void ouro_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
