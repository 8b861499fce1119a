// CPU kernels for one pass over the layers of a transformer: products with weights, norms, attention.
//
// A variant is this source compiled for one instruction set. `ouro_variant_at` lists the variants that this machine can
// run. Each has five tables of functions: for a pass (this file), for the KV cache (OuroCacheKernels.h), for sampling
// (OuroSamplingKernels.h), for training (OuroTrainingKernels.h) and for benchmarks (OuroProbes.h).
//
// All comments use these letters for shapes:
//   R  rows of a call. A row is one position of one sequence at one loop.
//   K  inputs of a matrix product
//   N  outputs of a matrix product
//   D  values of a head (the head dimension)
//   P  OURO_PANEL = 16, outputs of a weight panel
//   [A][B] is an array of A rows of B values, the last index running fastest.
//
// Two rules hold for every function and every variant:
//   1. Order of reduction. Every sum behind a row's result has one fixed order. The order depends neither on the other
//      rows of the call nor on how the work is split: a call for any sub-range of rows, panels or heads gives the same
//      bits. Different variants may give different bits.
//   2. Memory. No function allocates, locks or keeps state. Scratch memory comes from the caller. Outputs are
//      overwritten, unless the comment says that they are added to. Inputs and outputs do not overlap, unless the
//      comment allows it.
#ifndef OURO_KERNELS_H
#define OURO_KERNELS_H

#include "OuroCacheKernels.h"
#include "OuroProbes.h"
#include "OuroSamplingKernels.h"
#include "OuroTrainingKernels.h"
#include "OuroTypes.h"

// A weight matrix W [N][K], stored in panels for `matmul`.
//
// Panel p holds the outputs p*P ..< (p+1)*P as [K][P]; the last panel is padded with zeros. A vector of sums then holds
// P outputs, and each output is summed over k in order, in one lane, for any number of rows.
//
// A quantised weight is scale * code + bias, where `group` consecutive inputs of an output share a scale and a bias.
typedef struct ouro_matrix {
    const void *panels;
    size_t inputs;               // K
    uint32_t bits;               // 0: values of type `element`; 4 or 8: bits of a code
    uint32_t group;              // inputs that share a scale and a bias: 32, 64 or 128, a divisor of K
    ouro_element element;        // of the values, if bits == 0
    ouro_element scale_element;  // of scales and biases, if bits > 0
} ouro_matrix;

// Attention of consecutive positions of one sequence at one loop, for the query heads that share one KV head.
//
// The KV cache consists of blocks of OURO_BLOCK positions. OuroCacheKernels.h describes what a block holds for a KV
// head. With Q8, queries and probabilities are rounded to 8 bits as well.
typedef struct ouro_attention {
    const float *query;         // [rows][heads][D], rows `query_stride` apart
    float *output;              // [rows][heads][D], rows `output_stride` apart
    size_t query_stride;        // in values
    size_t output_stride;       // in values
    const void *const *blocks;  // block i holds the positions i*OURO_BLOCK ..< (i+1)*OURO_BLOCK
    size_t key_offset;          // of the keys of this layer and KV head in a block, in bytes
    size_t value_offset;        // of their values, in bytes
    size_t value_stride;        // ouro_value_stride(D)
    float *scratch;             // ouro_attention_scratch(rows * heads, D) values, aligned to 64 bytes
    int64_t position;           // of the first row
    int64_t window;             // most positions that a row sees, including its own; 0: no limit
    int32_t rows;
    int32_t heads;
    int32_t head_dimension;     // D
    float scale;                // of the scores
    ouro_kv_element element;
    // The first `compressed_pages` entries of `blocks` may be compressed pages instead, which hold all loops (see
    // OuroCacheKernels.h). If there are any, all keys and values are first expanded to f32, OURO_SPAN blocks at a time.
    int64_t compressed_pages;
    size_t compressed_offset;   // of this layer and KV head in a compressed page, in bytes
    int32_t loops;              // loops that a compressed page holds
    int32_t loop;               // the loop to read, from 1
    float *expanded;            // ouro_expansion_scratch(D) values, aligned to 64 bytes; for compressed pages only
} ouro_attention;

// Most queries that a variant processes together. Scratch memory has room for the scores of so many.
#define OURO_ATTENTION_QUERIES 8

// Blocks of a span. All queries of a call process one span before the next, so that it stays in the second-level cache.
#define OURO_SPAN 16

// Floats of scratch memory for attention of `queries` queries (rows times heads), for any number of positions.
static inline size_t ouro_attention_scratch(size_t queries, size_t head_dimension) {
    return OURO_ATTENTION_QUERIES * OURO_SPAN * (OURO_BLOCK + 1) +
           queries * (2 * ouro_value_stride(head_dimension) + 2 * OURO_PANEL);
}

// Floats that the keys [D][OURO_BLOCK] and values [OURO_BLOCK][value_stride] of one head take in an expanded block.
static inline size_t ouro_expanded_block(size_t head_dimension) {
    return OURO_BLOCK * (head_dimension + ouro_value_stride(head_dimension));
}

// Floats of an expanded span.
static inline size_t ouro_expanded_span(size_t head_dimension) {
    return OURO_SPAN * ouro_expanded_block(head_dimension);
}

// Floats of scratch memory for expanding a span: the span and one key.
static inline size_t ouro_expansion_scratch(size_t head_dimension) {
    return ouro_expanded_span(head_dimension) + head_dimension;
}

// The functions that loading a model and running a pass need.
typedef struct ouro_kernels {
    const char *name;  // of the variant, as the environment variable OURO_ISA spells it

    // The prefetch hint to give to `matmul` on this processor.
    ouro_prefetch prefetch;

    // Packs `count` <= P rows of W, each of `k` values, into one panel. Missing rows become zeros.
    void (*pack_panel)(ouro_element element, const void *const *rows, int32_t count, size_t k, void *panel);

    // The same for a quantised matrix. `codes`, `scales` and `biases` list one pointer per row. The codes of a row are
    // packed into 32-bit words, lowest bits first.
    void (*pack_quantised_panel)(const ouro_matrix *m, const uint32_t *const *codes, const void *const *scales,
                                 const void *const *biases, int32_t count, void *panel);

    // Bytes that `rows` rows of activations take when packed for a product with m.
    size_t (*packed_bytes)(const ouro_matrix *m, size_t rows);

    // Packs the inputs first ..< last (whole groups) of all rows of x [R][K]. For a quantised matrix, activations are
    // rounded to 8 bits, with one scale per row and group.
    void (*pack_rows)(const ouro_matrix *m, const float *x, size_t x_stride, size_t rows, size_t first, size_t last,
                      void *packed);

    // y[r][c] = sum_k x[r][k] * W[c][k], for the outputs c of the panels first ..< last. A row of y has room for whole
    // panels. `prefetch` changes no bit of the result; NONE is treated as T0.
    void (*matmul)(const ouro_matrix *m, const void *packed, size_t rows, size_t first, size_t last,
                   ouro_prefetch prefetch, float *y, size_t y_stride);

    // out[r][c] = silu(gate[r][c]) * up[r][c]. Panels 2p and 2p+1 of `gate_up` hold gate and up of the outputs
    // p*P ..< (p+1)*P. Computes the panels first ..< last of `out`.
    void (*swiglu)(const float *gate_up, size_t gate_up_stride, size_t rows, size_t first, size_t last, float *out,
                   size_t out_stride);

    // y = x / sqrt(mean(x^2) + epsilon) * weight, for one row of n values. y may be x.
    void (*rms_norm)(const float *x, const float *weight, size_t n, float epsilon, float *y);

    // Adds rms_norm(delta) to x.
    void (*add_rms_norm)(float *x, const float *delta, const float *weight, size_t n, float epsilon);

    // Rotates x [heads][D] in place by the angles of one position: value i of a head pairs with value i + D/2. cosine
    // and sine: [D/2].
    void (*rope)(float *x, size_t heads, size_t head_dimension, const float *cosine, const float *sine);

    void (*attend)(const ouro_attention *a);

    // sum_i a[i] * b[i]
    float (*dot)(const float *a, const float *b, size_t n);

    // The squared L2 norms of a - b and of b.
    void (*squared_change)(const float *a, const float *b, size_t n, float *difference, float *base);

    // Index of the largest value, the first of equal ones; -1 if any value is not finite.
    int64_t (*argmax)(const float *x, size_t n);

    // log(sum_i exp(x[i]))
    float (*log_sum_exp)(const float *x, size_t n);

    // Converts n values to f32, exactly.
    void (*widen)(ouro_element element, const void *x, size_t n, float *y);
} ouro_kernels;

// All functions of one variant.
typedef struct ouro_variant {
    ouro_kernels pass;
    ouro_cache_kernels cache;
    ouro_sampling_kernels sampling;
    ouro_training_kernels training;
    ouro_probes probes;
} ouro_variant;

// Copies variant number `index` of those that this machine can run, best first. Returns 0 if there is none.
int ouro_variant_at(size_t index, ouro_variant *variant);

// The pause instruction of a spin loop: it saves power and gives way to the other hardware thread.
void ouro_pause(void);

#endif
