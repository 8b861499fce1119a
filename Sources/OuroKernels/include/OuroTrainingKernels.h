// What training needs beyond a pass: products of row-major matrices in f32, and every operation of a block forwards and
// backwards.
//
// The rules are those of OuroKernels.h. Gradients of weights and of a residual stream are added to, everything else is
// overwritten. Matrices are row-major, a row `stride` values after the one before.
#ifndef OURO_TRAINING_KERNELS_H
#define OURO_TRAINING_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// C[i][j] = (adds ? C[i][j] : 0) + sum_k A[i][k] B[k][j], summed over k in order.
typedef struct ouro_product {
    const float *a;  // A[i][k] at i * a_row + k * a_depth
    size_t a_row;
    size_t a_depth;
    const float *b;  // B[k][j] at k * b_stride + j
    size_t b_stride;
    float *c;
    size_t c_stride;
    size_t rows;
    size_t columns;
    size_t depth;
    int32_t adds;
} ouro_product;

// Attention of one sequence at one layer and loop, for the query heads that share one head of keys and values, forwards
// and backwards. L = length, D = head_dimension.
typedef struct ouro_training_attention {
    const float *query;  // [L][heads][D], positions `stride` apart, as keys and values
    const float *key;    // [L][D]
    const float *value;  // [L][D]
    float *output;       // [L][heads][D], positions `output_stride` apart
    float *log_sums;     // [heads][L]: logarithm of the softmax's denominator, kept for the backward form
    const float *output_gradient;  // as output
    float *query_gradient;         // as query, key, value; overwritten
    float *key_gradient;
    float *value_gradient;
    const int32_t *first;  // [L]: first position that a position may see; never falls
    float *scratch;        // training_attention_scratch(L, D) values
    size_t stride;
    size_t output_stride;
    size_t gradient_stride;
    size_t length;
    int64_t window;  // positions seen at most, the own included; 0: all
    int32_t heads;
    int32_t head_dimension;
    float scale;
} ouro_training_attention;

typedef struct ouro_adamw {
    float rate;            // learning rate
    float beta1, beta2;
    float epsilon;
    float decay;           // times the learning rate, taken off the parameter
    float gradient_scale;  // of clipping
    float correction1;     // 1 - beta1^step
    float correction2;     // 1 - beta2^step
} ouro_adamw;

typedef struct ouro_training_kernels {
    void (*product)(const ouro_product *p);

    // out[j][i] = x[i][j], x having `rows` rows of `columns`.
    void (*transpose)(const float *x, size_t x_stride, size_t rows, size_t columns, float *out, size_t out_stride);

    // y = x * w / sqrt(mean(x^2) + epsilon); the reciprocal root of every row is kept in `inverse`.
    void (*norm)(const float *x, size_t x_stride, const float *w, size_t rows, size_t n, float epsilon, float *y,
                 size_t y_stride, float *inverse);

    // y = x + norm(delta).
    void (*add_norm)(const float *x, size_t x_stride, const float *delta, size_t delta_stride, const float *w,
                     size_t rows, size_t n, float epsilon, float *y, size_t y_stride, float *inverse);

    // Of y = norm(x): adds to w_gradient; overwrites x_gradient or adds to it.
    void (*norm_backward)(const float *y_gradient, size_t y_stride, const float *x, size_t x_stride, const float *w,
                          const float *inverse, size_t rows, size_t n, int32_t adds, float *x_gradient,
                          size_t x_gradient_stride, float *w_gradient);

    // out = silu(gate) * up; a row has n gates, then n ups.
    void (*swiglu)(const float *gate_up, size_t gate_up_stride, size_t rows, size_t n, float *out, size_t out_stride);

    // Also computes the output again, so that it need not be kept; `out` may be `out_gradient`.
    void (*swiglu_backward)(const float *gate_up, size_t gate_up_stride, const float *out_gradient,
                            size_t out_gradient_stride, size_t rows, size_t n, float *gate_up_gradient,
                            size_t gate_up_gradient_stride, float *out, size_t out_stride);

    size_t (*attention_scratch)(size_t length, size_t head_dimension);
    void (*attention)(const ouro_training_attention *a);
    void (*attention_backward)(const ouro_training_attention *a);

    // Cross-entropy of a row of logits; the logits become their gradient, times `weight`.
    float (*cross_entropy)(float *logits, size_t n, size_t target, float weight);

    // y += a * x.
    void (*add_scaled)(float *y, const float *x, float a, size_t n);

    double (*sum_of_squares)(const float *x, size_t n);

    // One step of AdamW (decoupled weight decay) as PyTorch computes it.
    void (*adamw)(const ouro_adamw *settings, float *parameter, const float *gradient, float *first_moment,
                  float *second_moment, size_t n);
} ouro_training_kernels;

#endif
