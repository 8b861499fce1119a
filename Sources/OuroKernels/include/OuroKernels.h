// The hot loops of a pass, and nothing else.
//
// Shapes are named once: R rows of a pass, K inputs, N outputs, D values of a head, P = OURO_PANEL.
//
// Two rules hold for every function and every variant:
//   1. A row's result has one fixed order of reduction, which depends neither on the other rows of the call nor on how
//      the work is split: calling with any sub-range of rows, panels or heads gives the same bits.
//   2. No function allocates, locks or keeps state. Outputs overwrite unless their name says `add`.
//
// Weights lie in panels: panel p holds outputs p*P ..< (p+1)*P as [K][P] (the last one padded with zeros), so that an
// output is accumulated sequentially over k, one lane of a vector each, whatever the number of rows. Rows of activations
// start at multiples of their stride; buffers of outputs are padded to whole panels.
#ifndef OURO_KERNELS_H
#define OURO_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// Outputs per weight panel, and positions per page of the KV cache: the lanes of the widest vector in f32.
#define OURO_PANEL 16
#define OURO_PAGE 16

typedef enum ouro_element { OURO_F32 = 0, OURO_F16 = 1, OURO_BF16 = 2 } ouro_element;

// One head group's attention at one position: `heads` query heads that share one KV head.
typedef struct ouro_attention {
    const float *query;         // [heads][D]
    float *output;              // [heads][D]
    const float *const *pages;  // page i holds positions i*OURO_PAGE ..< (i+1)*OURO_PAGE
    size_t key_offset;          // of this layer's and KV head's keys in a page: [D][OURO_PAGE]
    size_t value_offset;        // of its values: [OURO_PAGE][value_stride]
    size_t value_stride;        // D rounded up to whole vectors
    float *scratch;             // scores: positions rounded up to whole pages, then value_stride sums
    int64_t first_position;     // first and last position that are seen (both included)
    int64_t last_position;
    int32_t heads;
    int32_t head_dimension;
    float scale;
} ouro_attention;

typedef struct ouro_kernels {
    const char *name;

    // Packs rows first_row ..< first_row + count of W [N][K] (the caller lists the rows of a panel) into one panel.
    // `count` < P leaves zeros.
    void (*pack_panel)(ouro_element element, const void *const *rows, int32_t count, size_t k, void *panel);

    // y[r][c] = sum_k x[r][k] * W[c][k] for the outputs of panels first ..< last; y has room for whole panels.
    void (*matmul)(ouro_element element, const float *x, size_t x_stride, size_t rows, size_t k, const void *panels,
                   size_t first, size_t last, float *y, size_t y_stride);

    // out[r][c] = silu(gate) * up, where panels 2p and 2p+1 of `gate_up` hold gate and up of outputs p*P ..< (p+1)*P.
    void (*swiglu)(const float *gate_up, size_t gate_up_stride, size_t rows, size_t first, size_t last, float *out,
                   size_t out_stride);

    // y = x / sqrt(mean(x^2) + epsilon) * weight. y may be x.
    void (*rms_norm)(const float *x, const float *weight, size_t n, float epsilon, float *y);

    // x += rms_norm(delta).
    void (*add_rms_norm)(float *x, const float *delta, const float *weight, size_t n, float epsilon);

    // Rotates the halves of `heads` heads in place by the angles of one position. cosine, sine: [D/2].
    void (*rope)(float *x, size_t heads, size_t head_dimension, const float *cosine, const float *sine);

    // Writes one position's key and value of one KV head into its page (see ouro_attention for the layout).
    void (*store_kv)(const float *key, const float *value, size_t head_dimension, size_t value_stride, size_t slot,
                     float *page_keys, float *page_values);

    void (*attend)(const ouro_attention *a);

    // sum_i a[i] * b[i]
    float (*dot)(const float *a, const float *b, size_t n);

    // Squared L2 norms of (a - b) and of b.
    void (*change)(const float *a, const float *b, size_t n, float *difference, float *base);

    // Largest value's index (the first of equals; -1 if any value is not finite), and log(sum(exp(x))).
    int64_t (*argmax)(const float *x, size_t n);
    float (*log_sum_exp)(const float *x, size_t n);

    // Widens n values to f32.
    void (*widen)(ouro_element element, const void *x, size_t n, float *y);
} ouro_kernels;

// The variants this machine can run, best first; NULL past the last.
const ouro_kernels *ouro_kernels_available(size_t index);

// Relaxes the processor inside a spin loop.
void ouro_pause(void);

#endif
