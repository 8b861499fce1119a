// Runs every check for every variant that this machine supports. The arguments are the names of the variants that it
// must support, best first.
#include "checks.h"

int failures = 0;

static uint64_t state = 1;

static uint32_t random_bits(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

float random_value(void) { return (float)random_bits() / 0x1p30f - 1; }

int random_integer(int low, int high) { return low + (int)(random_bits() % (uint32_t)(high - low + 1)); }

void *allocate(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    memset(memory, 0, (bytes + 63) / 64 * 64);
    return memory;
}

double encode(ouro_element element, float value, void *out) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (element == OURO_F32) {
        memcpy(out, &value, sizeof value);
        return value;
    }
    uint16_t half;
    if (element == OURO_BF16) {
        half = (uint16_t)(bits >> 16);
        bits &= 0xffff0000u;
        memcpy(&value, &bits, sizeof value);
    } else {
        // Half precision with 11 bits, rounded towards zero. Values below the normal range become zero.
        int exponent;
        frexpf(value, &exponent);
        if (value == 0 || exponent < -13) {
            half = 0;
            value = 0;
        } else {
            bits &= 0xffffe000u;
            memcpy(&value, &bits, sizeof value);
            half = (uint16_t)((bits >> 16 & 0x8000u) | (uint32_t)(exponent + 14) << 10 | (bits >> 13 & 0x3ffu));
        }
    }
    memcpy(out, &half, sizeof half);
    return value;
}

void expect_close(const ouro_variant *variant, const char *what, double found, double expected, double tolerance,
                  double magnitude) {
    if (fabs(found - expected) <= tolerance * (1 + magnitude)) return;
    if (++failures <= 20) printf("%s, %s: found %.9g, expected %.9g\n", variant->pass.name, what, found, expected);
}

void expect_same(const ouro_variant *variant, const char *what, const float *found, const float *expected, size_t n) {
    if (memcmp(found, expected, n * sizeof(float)) == 0) return;
    size_t i = 0;
    while (memcmp(found + i, expected + i, sizeof(float)) == 0) i++;
    if (++failures <= 20)
        printf("%s, %s: value %zu is %.9g, expected the bits of %.9g\n", variant->pass.name, what, i, found[i],
               expected[i]);
}

int main(int count, char **names) {
    ouro_variant variant;
    for (int i = 1; i < count; i++) {
        const char *found = ouro_variant_at((size_t)i - 1, &variant) ? variant.pass.name : "nothing";
        if (strcmp(found, names[i]) != 0) {
            printf("variant %d is %s, expected %s\n", i, found, names[i]);
            failures++;
        }
    }
    for (size_t i = 0; ouro_variant_at(i, &variant); i++) {
        const int before = failures;
        check_products(&variant);
        check_quantised_products(&variant);
        check_row_major_products(&variant);
        check_elementwise(&variant);
        check_attention(&variant);
        check_sampling(&variant);
        printf("kernels for %s: %d failures\n", variant.pass.name, failures - before);
    }
    return failures > 0;
}
