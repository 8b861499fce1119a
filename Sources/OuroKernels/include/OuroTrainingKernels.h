// Kernels for training: products of row-major matrices in f32, and every operation of a transformer block, forwards and
// backwards. Quantisation and the merging of adapters use the products, too.
//
// The rules of OuroKernels.h hold here, too. What is added to: the gradients of weights, and whatever a comment names.
// Everything else is overwritten.
//
// A matrix is row-major. Each row begins `stride` values after the one before. A name with `_gradient` is the
// derivative of the loss with respect to what the name begins with.
#ifndef OURO_TRAINING_KERNELS_H
#define OURO_TRAINING_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// The matrices of C = A B, with A [rows][depth], B [depth][columns] and C [rows][columns].
typedef struct ouro_product {
    const float *a;  // A[i][k] lies at i * a_row + k * a_depth, so A may be stored transposed
    size_t a_row;
    size_t a_depth;
    const float *b;  // B[k][j] lies at k * b_stride + j
    size_t b_stride;
    float *c;        // C[i][j] lies at i * c_stride + j
    size_t c_stride;
    size_t rows;
    size_t columns;
    size_t depth;
    int32_t adds;    // for `product`: 0 overwrites C, 1 adds to it
} ouro_product;

// Causal attention of one sequence at one layer and loop, for the query heads that share one KV head.
// L = length, D = head_dimension.
typedef struct ouro_training_attention {
    const float *query;  // [L][heads][D], positions `stride` apart, as for keys and values
    const float *key;    // [L][D]
    const float *value;  // [L][D]
    float *output;       // [L][heads][D], positions `output_stride` apart
    float *log_sums;     // [heads][L]: logarithm of the softmax's denominator; forward writes it, backward reads it
    const float *output_gradient;  // laid out as output
    float *query_gradient;         // the gradients of queries, keys and values are laid out as these are, but positions
    float *key_gradient;           // are `gradient_stride` apart; all three are overwritten
    float *value_gradient;
    const int32_t *first;  // [L]: first position that a position may see (its document's first); never decreases
    float *scratch;        // attention_scratch(L, D) values
    size_t stride;
    size_t output_stride;
    size_t gradient_stride;
    size_t length;
    int64_t window;  // most positions that a position sees, including itself; 0: no limit
    int32_t heads;
    int32_t head_dimension;
    float scale;  // of the scores
} ouro_training_attention;

typedef struct ouro_adamw {
    float rate;  // learning rate
    float beta1, beta2;
    float epsilon;
    float decay;           // weight decay: a step multiplies the parameter by 1 - rate * decay
    float gradient_scale;  // factor for the gradient, from clipping
    float correction1;     // 1 - beta1^step
    float correction2;     // 1 - beta2^step
} ouro_adamw;

typedef struct ouro_training_kernels {
    // C[i][j] = (adds ? C[i][j] : 0) + sum_k A[i][k] * B[k][j], summed over k in order.
    void (*product)(const ouro_product *p);

    // C[i][j] += factor * sum_k A[i][k] * B[k][j]. The sum is taken over 128 consecutive k at a time: each partial sum
    // is multiplied by the factor and added to C. `adds` is ignored.
    void (*add_scaled_product)(const ouro_product *p, float factor);

    // out[j][i] = x[i][j], for x [rows][columns].
    void (*transpose)(const float *x, size_t x_stride, size_t rows, size_t columns, float *out, size_t out_stride);

    // y = x * w / sqrt(mean(x^2) + epsilon) for `rows` rows of n values. Keeps each row's 1 / sqrt(...) in `inverse`.
    void (*norm)(const float *x, size_t x_stride, const float *w, size_t rows, size_t n, float epsilon, float *y,
                 size_t y_stride, float *inverse);

    // y = x + norm(delta).
    void (*add_norm)(const float *x, size_t x_stride, const float *delta, size_t delta_stride, const float *w,
                     size_t rows, size_t n, float epsilon, float *y, size_t y_stride, float *inverse);

    // The gradients of y = norm(x). Adds to w_gradient. Overwrites x_gradient, or adds to it if `adds` is 1.
    void (*norm_backward)(const float *y_gradient, size_t y_stride, const float *x, size_t x_stride, const float *w,
                          const float *inverse, size_t rows, size_t n, int32_t adds, float *x_gradient,
                          size_t x_gradient_stride, float *w_gradient);

    // out = silu(gate) * up. A row of gate_up holds n gates, then n ups.
    void (*swiglu)(const float *gate_up, size_t gate_up_stride, size_t rows, size_t n, float *out, size_t out_stride);

    // The gradient of swiglu. It computes `out` again, so that the forward pass need not keep it. `out` may be
    // `out_gradient`.
    void (*swiglu_backward)(const float *gate_up, size_t gate_up_stride, const float *out_gradient,
                            size_t out_gradient_stride, size_t rows, size_t n, float *gate_up_gradient,
                            size_t gate_up_gradient_stride, float *out, size_t out_stride);

    // Floats of scratch memory for attention over `length` positions.
    size_t (*attention_scratch)(size_t length, size_t head_dimension);
    void (*attention)(const ouro_training_attention *a);
    void (*attention_backward)(const ouro_training_attention *a);

    // Returns the cross-entropy of n logits and overwrites the logits with their gradient times `weight`.
    float (*cross_entropy)(float *logits, size_t n, size_t target, float weight);

    // y += a * x
    void (*add_scaled)(float *y, const float *x, float a, size_t n);

    // sum_i x[i]^2, with partial sums in f64.
    double (*sum_of_squares)(const float *x, size_t n);

    // One step of AdamW (decoupled weight decay) as PyTorch computes it. Updates the parameter and both moments.
    void (*adamw)(const ouro_adamw *settings, float *parameter, const float *gradient, float *first_moment,
                  float *second_moment, size_t n);
} ouro_training_kernels;

#endif
