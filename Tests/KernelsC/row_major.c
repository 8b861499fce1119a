// Tests products of row-major matrices, and the transpose.
#include "checks.h"

// A is [rows][depth], stored transposed if `transposed`. B is [depth][columns]. C is [rows][columns].
typedef struct shape {
    size_t rows, columns, depth;
    int transposed;
} shape;

static ouro_product describe(shape s, const float *a, const float *b, float *c, int adds) {
    return (ouro_product){.a = a, .a_row = s.transposed ? 1 : s.depth, .a_depth = s.transposed ? s.rows : 1, .b = b,
                          .b_stride = s.columns, .c = c, .c_stride = s.columns, .rows = s.rows, .columns = s.columns,
                          .depth = s.depth, .adds = adds};
}

static void compute(const ouro_variant *variant, const ouro_product *p, const float *factor) {
    if (factor)
        variant->training.add_scaled_product(p, *factor);
    else
        variant->training.product(p);
}

// Compares a product with double precision. Expects the same bits for one call per row and for one call per column.
// Checks `product` if the factor is NULL, else `add_scaled_product`.
static void check_sum(const ouro_variant *variant, shape s, const float *a, const float *b, const float *before,
                      int adds, const float *factor) {
    const size_t size = s.rows * s.columns * sizeof(float);
    float *c = allocate(size), *other = allocate(size);
    char what[120];
    snprintf(what, sizeof what, "row-major product %zu x %zu x %zu, %s, transposed %d, adds %d", s.rows, s.columns,
             s.depth, factor ? "scaled" : "plain", s.transposed, adds);
    memcpy(c, before, size);
    const ouro_product whole = describe(s, a, b, c, adds);
    compute(variant, &whole, factor);
    for (size_t i = 0; i < s.rows; i++)
        for (size_t j = 0; j < s.columns; j++) {
            double sum = 0, magnitude = 0;
            for (size_t k = 0; k < s.depth; k++) {
                const double term = (double)a[i * whole.a_row + k * whole.a_depth] * b[k * s.columns + j];
                sum += term;
                magnitude += fabs(term);
            }
            const double base = adds || factor ? before[i * s.columns + j] : 0;
            expect_close(variant, what, c[i * s.columns + j], base + sum * (factor ? *factor : 1), 1e-6, magnitude);
        }
    memcpy(other, before, size);
    for (size_t i = 0; i < s.rows; i++) {
        ouro_product row = describe(s, a + i * whole.a_row, b, other + i * s.columns, adds);
        row.rows = 1;
        compute(variant, &row, factor);
    }
    expect_same(variant, what, other, c, s.rows * s.columns);
    memcpy(other, before, size);
    for (size_t j = 0; j < s.columns; j++) {
        ouro_product column = describe(s, a, b + j, other + j, adds);
        column.columns = 1;
        compute(variant, &column, factor);
    }
    expect_same(variant, what, other, c, s.rows * s.columns);
    free(c), free(other);
}

// Expects add_scaled_product to add the factor times each partial sum over 128 values of k. `product` computes the
// partial sums here.
static void check_parts(const ouro_variant *variant, shape s, const float *a, const float *b, const float *before,
                        float factor) {
    const size_t count = s.rows * s.columns;
    float *c = allocate(count * sizeof(float)), *expected = allocate(count * sizeof(float));
    float *part = allocate(count * sizeof(float));
    memcpy(c, before, count * sizeof(float));
    memcpy(expected, before, count * sizeof(float));
    const ouro_product whole = describe(s, a, b, c, 1);
    variant->training.add_scaled_product(&whole, factor);
    for (size_t start = 0; start < s.depth; start += 128) {
        ouro_product p = describe(s, a + start * whole.a_depth, b + start * s.columns, part, 0);
        p.depth = s.depth - start < 128 ? s.depth - start : 128;
        variant->training.product(&p);
        for (size_t i = 0; i < count; i++) {
            const float scaled = factor * part[i];
            expected[i] += scaled;
        }
    }
    expect_same(variant, "scaled product in parts", c, expected, count);
    free(c), free(expected), free(part);
}

static void check_transpose(const ouro_variant *variant, shape s, const float *x) {
    float *found = allocate(s.rows * s.depth * sizeof(float)), *expected = allocate(s.rows * s.depth * sizeof(float));
    variant->training.transpose(x, s.depth, s.rows, s.depth, found, s.rows);
    for (size_t i = 0; i < s.rows; i++)
        for (size_t k = 0; k < s.depth; k++) expected[k * s.rows + i] = x[i * s.depth + k];
    expect_same(variant, "transpose", found, expected, s.rows * s.depth);
    free(found), free(expected);
}

void check_row_major_products(const ouro_variant *variant) {
    static const size_t shapes[][3] = {{1, 1, 1},     {7, 16, 5},    {6, 64, 128},
                                       {13, 50, 300}, {40, 33, 129}, {17, 96, 256}};
    const float factor = -0.37f;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        shape s = {shapes[i][0], shapes[i][1], shapes[i][2], 0};
        float *a = allocate(s.rows * s.depth * sizeof(float)), *b = allocate(s.depth * s.columns * sizeof(float));
        float *before = allocate(s.rows * s.columns * sizeof(float));
        for (size_t j = 0; j < s.rows * s.depth; j++) a[j] = random_value();
        for (size_t j = 0; j < s.depth * s.columns; j++) b[j] = random_value();
        for (size_t j = 0; j < s.rows * s.columns; j++) before[j] = random_value();
        check_transpose(variant, s, a);
        for (s.transposed = 0; s.transposed < 2; s.transposed++) {
            for (int adds = 0; adds < 2; adds++) check_sum(variant, s, a, b, before, adds, NULL);
            check_sum(variant, s, a, b, before, 0, &factor);
            check_parts(variant, s, a, b, before, factor);
        }
        free(a), free(b), free(before);
    }
}
