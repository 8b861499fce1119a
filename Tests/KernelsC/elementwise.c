// Tests elementwise operations and reductions of a row.
#include "checks.h"

static void check_row(const ouro_variant *variant, size_t n) {
    float x[300], weight[300], base[300], found[300], difference, norm;
    double square = 0, product = 0, distance = 0, base_norm = 0, total = 0;
    size_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = random_value(), weight[i] = random_value(), base[i] = random_value();
        square += (double)x[i] * x[i];
        product += (double)x[i] * weight[i];
        distance += ((double)x[i] - base[i]) * ((double)x[i] - base[i]);
        base_norm += (double)base[i] * base[i];
        total += exp(9.0 * x[i]);
        largest = x[i] > x[largest] ? i : largest;
    }
    const double scale = 1 / sqrt(square / (double)n + 1e-6);
    variant->pass.rms_norm(x, weight, n, 1e-6f, found);
    for (size_t i = 0; i < n; i++) expect_close(variant, "rms_norm", found[i], x[i] * scale * weight[i], 1e-6, 1);
    memcpy(found, base, sizeof found);
    variant->pass.add_rms_norm(found, x, weight, n, 1e-6f);
    for (size_t i = 0; i < n; i++)
        expect_close(variant, "add_rms_norm", found[i], base[i] + x[i] * scale * weight[i], 1e-6, 1);
    expect_close(variant, "dot", variant->pass.dot(x, weight, n), product, 1e-6, (double)n);
    variant->pass.squared_change(x, base, n, &difference, &norm);
    expect_close(variant, "squared_change", difference, distance, 1e-6, distance);
    expect_close(variant, "squared_change, base", norm, base_norm, 1e-6, base_norm);
    expect_close(variant, "argmax", (double)variant->pass.argmax(x, n), (double)largest, 0, 0);
    for (size_t i = 0; i < n; i++) found[i] = 9 * x[i];
    expect_close(variant, "log_sum_exp", variant->pass.log_sum_exp(found, n), log(total), 1e-6, fabs(log(total)));
    x[n / 2] = NAN;
    expect_close(variant, "argmax of a row with a NaN", (double)variant->pass.argmax(x, n), -1, 0, 0);
    x[n / 2] = INFINITY;
    expect_close(variant, "argmax of a row with an infinity", (double)variant->pass.argmax(x, n), -1, 0, 0);
}

static void check_swiglu(const ouro_variant *variant) {
    float gate_up[2][64], found[2][32];
    for (size_t i = 0; i < 128; i++) gate_up[i / 64][i % 64] = 100 * random_value();
    variant->pass.swiglu(gate_up[0], 64, 2, 0, 2, found[0], 32);
    for (size_t r = 0; r < 2; r++)
        for (size_t i = 0; i < 32; i++) {
            const double gate = gate_up[r][i / 16 * 32 + i % 16], up = gate_up[r][i / 16 * 32 + 16 + i % 16];
            const double expected = gate / (1 + exp(-gate)) * up;
            expect_close(variant, "swiglu", found[r][i], expected, 1e-6, fabs(expected));
        }
}

static void check_rope(const ouro_variant *variant) {
    enum { heads = 3, depth = 22 };
    float x[heads * depth], before[heads * depth], cosine[depth / 2], sine[depth / 2];
    for (size_t i = 0; i < heads * depth; i++) x[i] = before[i] = random_value();
    for (size_t i = 0; i < depth / 2; i++) cosine[i] = random_value(), sine[i] = random_value();
    variant->pass.rope(x, heads, depth, cosine, sine);
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < depth / 2; i++) {
            const double a = before[h * depth + i], b = before[h * depth + depth / 2 + i];
            expect_close(variant, "rope", x[h * depth + i], a * cosine[i] - b * sine[i], 1e-6, 0);
            expect_close(variant, "rope", x[h * depth + depth / 2 + i], b * cosine[i] + a * sine[i], 1e-6, 0);
        }
}

// Every 16-bit pattern converts exactly, and a NaN stays a NaN. The last three are left out to make the count odd.
static void check_widen(const ouro_variant *variant) {
    enum { patterns = 65536 };
    uint16_t *bits = allocate(patterns * sizeof(uint16_t));
    float *found = allocate(patterns * sizeof(float));
    for (int i = 0; i < patterns; i++) bits[i] = (uint16_t)i;
    for (int type = 0; type < 2; type++) {
        variant->pass.widen(type ? OURO_BF16 : OURO_F16, bits, patterns - 3, found);
        for (uint32_t i = 0; i < patterns - 3; i++) {
            const uint32_t exponent = type ? i >> 7 & 0xff : i >> 10 & 0x1f, fraction = type ? i & 0x7f : i & 0x3ff;
            const int special = exponent == (type ? 0xffu : 0x1fu), width = type ? 7 : 10, offset = type ? 127 : 15;
            double value = ldexp(fraction + (exponent ? 1 << width : 0), (int)(exponent ? exponent : 1) - offset - width);
            if (special) value = fraction ? NAN : INFINITY;
            if (i & 0x8000) value = -value;
            if (isnan(value) ? !isnan(found[i]) : found[i] != (float)value || !signbit(found[i]) != !signbit(value))
                expect_close(variant, type ? "widen bf16" : "widen f16", found[i], value, -1, 0);
        }
    }
    free(bits), free(found);
}

void check_elementwise(const ouro_variant *variant) {
    static const size_t lengths[] = {1, 10, 16, 60, 64, 257};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) check_row(variant, lengths[i]);
    check_swiglu(variant);
    check_rope(variant);
    check_widen(variant);
}
