// Tests products with packed weights.
#include "checks.h"

enum { P = OURO_PANEL };

static const ouro_element elements[] = {OURO_F32, OURO_F16, OURO_BF16};
static const size_t sizes[] = {4, 2, 2};
static const char *const names[] = {"f32", "f16", "bf16"};

// Computes y = x W^T for all rows and panels in one call.
static void multiply(const ouro_variant *variant, const ouro_matrix *m, const float *x, size_t rows, size_t panels,
                     float *y) {
    void *packed = allocate(variant->pass.packed_bytes(m, rows));
    variant->pass.pack_rows(m, x, m->inputs, rows, 0, m->inputs, packed);
    variant->pass.matmul(m, packed, rows, 0, panels, OURO_PREFETCH_T0, y, panels * P);
    free(packed);
}

// Expects the same bits for one call per row, and for one call per panel with inputs packed in two parts and each
// prefetch hint.
static void expect_invariance(const ouro_variant *variant, const char *what, const ouro_matrix *m, const float *x,
                              size_t rows, size_t panels, const float *y) {
    float *other = allocate(rows * panels * P * sizeof(float));
    for (size_t r = 0; r < rows; r++) multiply(variant, m, x + r * m->inputs, 1, panels, other + r * panels * P);
    expect_same(variant, what, other, y, rows * panels * P);
    void *packed = allocate(variant->pass.packed_bytes(m, rows));
    const size_t unit = m->bits ? m->group : 1, half = m->inputs / unit / 2 * unit;
    variant->pass.pack_rows(m, x, m->inputs, rows, half, m->inputs, packed);
    variant->pass.pack_rows(m, x, m->inputs, rows, 0, half, packed);
    for (ouro_prefetch prefetch = OURO_PREFETCH_T0; prefetch <= OURO_PREFETCH_T1; prefetch++) {
        memset(other, 0xff, rows * panels * P * sizeof(float));
        for (size_t p = 0; p < panels; p++)
            variant->pass.matmul(m, packed, rows, p, p + 1, prefetch, other, panels * P);
        expect_same(variant, what, other, y, rows * panels * P);
    }
    free(packed);
    free(other);
}

static void check_product(const ouro_variant *variant, int type, size_t inputs, size_t outputs, size_t rows) {
    const size_t panels = (outputs + P - 1) / P, size = sizes[type];
    char *source = allocate(outputs * inputs * size), *packed = allocate(panels * P * inputs * size), what[80];
    double *weights = allocate(outputs * inputs * sizeof(double));
    float *x = allocate(rows * inputs * sizeof(float)), *y = allocate(rows * panels * P * sizeof(float));
    for (size_t i = 0; i < outputs * inputs; i++)
        weights[i] = encode(elements[type], random_value(), source + i * size);
    for (size_t i = 0; i < rows * inputs; i++) x[i] = random_value();
    for (size_t p = 0; p < panels; p++) {
        const void *members[P];
        const size_t count = outputs - p * P < P ? outputs - p * P : P;
        for (size_t j = 0; j < count; j++) members[j] = source + (p * P + j) * inputs * size;
        variant->pass.pack_panel(elements[type], members, (int32_t)count, inputs, packed + p * P * inputs * size);
    }
    const ouro_matrix m = {.panels = packed, .inputs = inputs, .group = 1, .element = elements[type]};
    multiply(variant, &m, x, rows, panels, y);
    snprintf(what, sizeof what, "product of %zu rows, %zu inputs, %zu outputs in %s", rows, inputs, outputs,
             names[type]);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < panels * P; c++) {
            double sum = 0, magnitude = 0;
            for (size_t i = 0; i < inputs && c < outputs; i++) {
                sum += x[r * inputs + i] * weights[c * inputs + i];
                magnitude += fabs(x[r * inputs + i] * weights[c * inputs + i]);
            }
            expect_close(variant, what, y[r * panels * P + c], sum, 1e-6, magnitude);
        }
    expect_invariance(variant, what, &m, x, rows, panels, y);
    free(source), free(packed), free(weights), free(x), free(y);
}

void check_products(const ouro_variant *variant) {
    static const size_t shapes[][3] = {{1, 1, 1},    {7, 5, 3},   {60, 94, 13},   {33, 130, 25}, {128, 16, 12}, {16, 200, 4},
                                       {270, 50, 64}, {40, 33, 16}, {129, 49, 2}, {31, 70, 6},   {19, 35, 8},   {2100, 50, 27},
                                       {1025, 17, 7}};
    for (int type = 0; type < 3; type++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            check_product(variant, type, shapes[i][0], shapes[i][1], shapes[i][2]);
}

// Activations are multiples of 1/64, and every group has one of 127/64 or -127/64. Rounding them to 8 bits is exact. So
// a result differs from the expected one only by the float sums over groups. With scale 1 and bias 0 it must be equal.
typedef enum trial { SCALED, EXACT, EXTREME } trial;  // EXTREME: only the largest codes and activations

static void check_quantised(const ouro_variant *variant, int type, uint32_t bits, uint32_t group, size_t inputs,
                            size_t outputs, size_t rows, trial trial) {
    const size_t panels = (outputs + P - 1) / P, size = sizes[type], groups = inputs / group;
    const size_t words = inputs * bits / 32;
    uint32_t *source = allocate(outputs * words * sizeof(uint32_t));
    char *scales = allocate(outputs * groups * size), *biases = allocate(outputs * groups * size), what[120];
    double *weights = allocate(outputs * inputs * sizeof(double)), *terms = allocate(outputs * inputs * sizeof(double));
    float *x = allocate(rows * inputs * sizeof(float)), *y = allocate(rows * panels * P * sizeof(float));
    for (size_t c = 0; c < outputs; c++)
        for (size_t i = 0; i < inputs; i++) {
            const size_t g = c * groups + i / group;
            static double scale, bias;
            if (i % group == 0) {
                scale = encode(elements[type], trial == SCALED ? random_value() : 1, scales + g * size);
                bias = encode(elements[type], trial == SCALED ? random_value() * 8 : 0, biases + g * size);
            }
            const uint32_t q = trial == EXTREME ? (1u << bits) - 1 : (uint32_t)random_integer(0, (1 << bits) - 1);
            source[c * words + i * bits / 32] |= q << i * bits % 32;
            weights[c * inputs + i] = scale * q + bias;
            terms[c * inputs + i] = fabs(scale * q) + fabs(bias);
        }
    for (size_t i = 0; i < rows * inputs; i++) {
        const int largest = i / inputs % 2 ? -127 : 127;
        x[i] = (float)(trial == EXTREME || i % group == 3 ? largest : random_integer(-127, 127)) / 64;
    }
    ouro_matrix m = {.inputs = inputs, .bits = bits, .group = group, .scale_element = elements[type]};
    const size_t panel = groups * (2 * P * size + group * P * bits / 8);
    char *packed = allocate(panels * panel);
    m.panels = packed;
    for (size_t p = 0; p < panels; p++) {
        const uint32_t *codes[P];
        const void *scale[P], *bias[P];
        const size_t count = outputs - p * P < P ? outputs - p * P : P;
        for (size_t j = 0; j < count; j++) {
            codes[j] = source + (p * P + j) * words;
            scale[j] = scales + (p * P + j) * groups * size;
            bias[j] = biases + (p * P + j) * groups * size;
        }
        variant->pass.pack_quantised_panel(&m, codes, scale, bias, (int32_t)count, packed + p * panel);
    }
    multiply(variant, &m, x, rows, panels, y);
    snprintf(what, sizeof what, "product of %zu rows, %zu inputs, %zu outputs in %u bits, groups of %u, scales in %s%s",
             rows, inputs, outputs, bits, group, names[type],
             trial == SCALED ? "" : trial == EXACT ? ", exact" : ", extreme");
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < panels * P; c++) {
            double sum = 0, magnitude = 0;
            for (size_t i = 0; i < inputs && c < outputs; i++) {
                sum += x[r * inputs + i] * weights[c * inputs + i];
                magnitude += fabs(x[r * inputs + i]) * terms[c * inputs + i];
            }
            expect_close(variant, what, y[r * panels * P + c], sum, trial == SCALED ? 1e-6 : 0, magnitude);
        }
    expect_invariance(variant, what, &m, x, rows, panels, y);
    free(source), free(scales), free(biases), free(weights), free(terms), free(x), free(y), free(packed);
}

void check_quantised_products(const ouro_variant *variant) {
    static const size_t shapes[][4] = {{32, 32, 5, 1},    {64, 64, 40, 3},   {32, 128, 130, 13}, {128, 256, 33, 25},
                                       {64, 192, 70, 8},  {32, 96, 16, 2},   {64, 128, 64, 40},  {64, 64, 66, 6},
                                       {128, 128, 90, 4}, {32, 64, 65, 12}};
    for (uint32_t bits = 4; bits <= 8; bits += 4)
        for (int type = 0; type < 3; type++)
            for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
                for (trial trial = SCALED; trial <= EXTREME; trial++)
                    check_quantised(variant, type, bits, (uint32_t)shapes[i][0], shapes[i][1], shapes[i][2],
                                    shapes[i][3], trial);
}
