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
// output is accumulated sequentially over k, one lane of a vector each, whatever the number of rows. Activations are packed
// into tiles of a few rows, [tile][K][rows], before a product. Buffers of outputs are padded to whole panels.
#ifndef OURO_KERNELS_H
#define OURO_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "OuroTrainingKernels.h"

// Outputs per weight panel, and positions per page of the KV cache: the lanes of the widest vector in f32.
#define OURO_PANEL 16
#define OURO_PAGE 16

typedef enum ouro_element { OURO_F32 = 0, OURO_F16 = 1, OURO_BF16 = 2 } ouro_element;

// A weight matrix [N][K] in panels.
typedef struct ouro_matrix {
    const void *panels;
    size_t inputs;               // K
    uint32_t bits;               // 0: values of `element`; 4 or 8: affine groups, scale * q + bias
    uint32_t group;              // inputs that share a scale and a bias: 32, 64 or 128, a divisor of K
    ouro_element element;
    ouro_element scale_element;  // of scales and biases
} ouro_matrix;

// How keys and values are stored. Q8: bytes, with an f32 scale for every head and position.
typedef enum ouro_kv_element { OURO_KV_F32 = 0, OURO_KV_BF16 = 1, OURO_KV_Q8 = 2 } ouro_kv_element;

// Attention of `rows` consecutive positions of one sequence at one loop, for the query heads that share one KV head.
//
// In a page a KV head has its keys as [D][OURO_PAGE] and its values as [OURO_PAGE][value_stride]. Q8: keys as unsigned
// bytes (plus 128) [D/4 rounded up][OURO_PAGE][4] and values as signed bytes [OURO_PAGE/4][value_stride][4], each
// followed by its OURO_PAGE scales; queries and probabilities are rounded to 8 bits too.
typedef struct ouro_attention {
    const float *query;        // [rows][heads][D], rows `query_stride` apart
    float *output;             // [rows][heads][D], rows `output_stride` apart
    size_t query_stride;
    size_t output_stride;
    const void *const *pages;  // page i holds positions i*OURO_PAGE ..< (i+1)*OURO_PAGE
    size_t key_offset;         // of this layer's and KV head's keys in a page, in bytes
    size_t value_offset;       // of its values
    size_t value_stride;       // D rounded up to whole vectors
    float *scratch;            // ouro_attention_scratch(rows * heads, D) values, aligned to 64 bytes
    int64_t position;          // of the first row
    int64_t window;            // positions a row sees at most, its own included; 0: all
    int32_t rows;
    int32_t heads;
    int32_t head_dimension;
    float scale;
    ouro_kv_element element;
    // The first pages may be compressed ones (see kv_compressed.inc), of which loop `loop` of `loops` is read. Then all
    // pages, the others too, are widened to f32 a span at a time, and attended to as such.
    int64_t compressed_pages;
    size_t compressed_offset;  // of this layer's and KV head in a compressed page, in bytes
    int32_t loops;
    int32_t loop;              // from 1
    float *expanded;           // ouro_expansion_scratch(D) values, aligned to 64 bytes; unused without compressed pages
} ouro_attention;

// Queries whose scores are in scratch memory at a time; the most that a variant takes together.
#define OURO_ATTENTION_QUERIES 8

// Pages that all queries of a job go through before the next ones: so many stay in the second-level cache.
#define OURO_SPAN 16

// Bits of a number in a compressed page, of keys and of values: of the last loop, the loop before it, loops further from it,
// and the first loop. Errors of keys cost far more: a score is multiplied by whole queries, and its exponential is taken.
#define OURO_LAST_BITS(of_values) (of_values ? 4 : 6)
#define OURO_NEAR_BITS(of_values) (of_values ? 2 : 3)
#define OURO_FAR_BITS(of_values) (of_values ? 3 : 4)
#define OURO_FIRST_BITS(of_values) (of_values ? 6 : 8)

// Floats of scratch memory that a job of so many queries (rows times heads) needs, at any number of positions.
static inline size_t ouro_attention_scratch(size_t queries, size_t head_dimension) {
    const size_t value_stride = (head_dimension + OURO_PANEL - 1) / OURO_PANEL * OURO_PANEL;
    return OURO_ATTENTION_QUERIES * OURO_SPAN * (OURO_PAGE + 1) + queries * (2 * value_stride + 2 * OURO_PANEL);
}

// Floats that a page of keys [D][OURO_PAGE] and values [OURO_PAGE][value_stride] takes, a span of them, and what widening
// a span needs: one key more.
static inline size_t ouro_expanded_page(size_t head_dimension) {
    return OURO_PAGE * (head_dimension + (head_dimension + OURO_PANEL - 1) / OURO_PANEL * OURO_PANEL);
}
static inline size_t ouro_expanded_span(size_t head_dimension) { return OURO_SPAN * ouro_expanded_page(head_dimension); }
static inline size_t ouro_expansion_scratch(size_t head_dimension) {
    return ouro_expanded_span(head_dimension) + head_dimension;
}

// Bits of a number of a compressed page's keys or values at a loop (from 1). The last loop stands by itself; the others are
// differences from the loop after them, and the first loop differs most.
static inline int ouro_compressed_bits(size_t loops, size_t loop, int of_values) {
    if (loop == loops) return OURO_LAST_BITS(of_values);
    if (loop == 1) return OURO_FIRST_BITS(of_values);
    return loop + 1 == loops ? OURO_NEAR_BITS(of_values) : OURO_FAR_BITS(of_values);
}

// Bytes of the keys or values of a head of a compressed page at one loop: 16 scales, and `bits` bits for each number.
static inline size_t ouro_compressed_part(int bits, size_t width) { return OURO_PAGE + 2 * (size_t)bits * width; }

// Bytes of the keys and values of a head of a compressed page at all loops.
static inline size_t ouro_compressed_bytes(size_t loops, size_t head_dimension) {
    const size_t value_stride = (head_dimension + OURO_PANEL - 1) / OURO_PANEL * OURO_PANEL;
    size_t bytes = 0;
    for (size_t loop = 1; loop <= loops; loop++) {
        bytes += ouro_compressed_part(ouro_compressed_bits(loops, loop, 0), head_dimension);
        bytes += ouro_compressed_part(ouro_compressed_bits(loops, loop, 1), value_stride);
    }
    return bytes;
}

typedef struct ouro_kernels {
    const char *name;

    // Packs rows first_row ..< first_row + count of W [N][K] (the caller lists the rows of a panel) into one panel.
    // `count` < P leaves zeros.
    void (*pack_panel)(ouro_element element, const void *const *rows, int32_t count, size_t k, void *panel);

    // The same for a quantised matrix: for each of the panel's rows its packed words of `bits` wide quotients, low bits
    // first, its scales and its biases.
    void (*pack_quantised_panel)(const ouro_matrix *m, const uint32_t *const *quotients, const void *const *scales,
                                 const void *const *biases, int32_t count, void *panel);

    // Activations for a product with m: bytes that `rows` packed rows take, and packing of the inputs first ..< last
    // (whole groups) of all rows. For a quantised matrix they are rounded to 8 bits, with a scale for each group.
    size_t (*packed_bytes)(const ouro_matrix *m, size_t rows);
    void (*pack_rows)(const ouro_matrix *m, const float *x, size_t x_stride, size_t rows, size_t first, size_t last,
                      void *packed);

    // y[r][c] = sum_k x[r][k] * W[c][k] for the outputs of panels first ..< last; y has room for whole panels.
    void (*matmul)(const ouro_matrix *m, const void *packed, size_t rows, size_t first, size_t last, float *y,
                   size_t y_stride);

    // c[i][j] += factor * sum_s a[s][i] * b[s][j] for first <= i < last and j < columns.
    void (*add_products)(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t samples, size_t first,
                         size_t last, size_t columns, float factor, float *c, size_t c_stride);

    // out[r][c] = silu(gate) * up, where panels 2p and 2p+1 of `gate_up` hold gate and up of outputs p*P ..< (p+1)*P.
    void (*swiglu)(const float *gate_up, size_t gate_up_stride, size_t rows, size_t first, size_t last, float *out,
                   size_t out_stride);

    // y = x / sqrt(mean(x^2) + epsilon) * weight. y may be x.
    void (*rms_norm)(const float *x, const float *weight, size_t n, float epsilon, float *y);

    // x += rms_norm(delta).
    void (*add_rms_norm)(float *x, const float *delta, const float *weight, size_t n, float epsilon);

    // Rotates the halves of `heads` heads in place by the angles of one position. cosine, sine: [D/2].
    void (*rope)(float *x, size_t heads, size_t head_dimension, const float *cosine, const float *sine);

    // Writes one position's key and value of one KV head into its page.
    void (*store_kv)(ouro_kv_element element, const float *key, const float *value, size_t head_dimension,
                     size_t value_stride, size_t slot, void *page_keys, void *page_values);

    // Reads one position's key and value of one KV head from its page.
    void (*read_kv)(ouro_kv_element element, const void *page_keys, const void *page_values, size_t head_dimension,
                    size_t value_stride, size_t slot, float *key, float *value);

    // Compresses one KV head of a page. keys, values: [loops][OURO_PAGE] rows of D values, `stride` apart; decoded: room
    // for two pages of such rows; page: ouro_compressed_bytes(loops, D) bytes.
    void (*compress_kv)(const float *keys, const float *values, size_t stride, size_t loops, size_t head_dimension,
                        float *decoded, void *page);

    // Reads one KV head of a compressed page at a loop (from 1): keys [D][OURO_PAGE], values [OURO_PAGE][value_stride].
    void (*expand_kv)(const void *page, size_t loops, size_t loop, size_t head_dimension, size_t value_stride,
                      float *keys, float *values);

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

    // The machine's limits (see probes.inc): f32 multiply-adds, 8-bit dot products, reading of n bytes as 1 or 4 streams
    // that are asked for ahead: into all caches (0), only the innermost (1) or not (2).
    float (*multiply_add_probe)(size_t steps);
    int32_t (*integer_dot_probe)(size_t steps);
    uint32_t (*read_probe)(const void *bytes, size_t n, int streams, int asking);
    // Operations of one step of the first and of the second.
    double multiply_add_operations, integer_dot_operations;

    ouro_training_kernels training;
} ouro_kernels;

// The variants this machine can run, best first; NULL past the last.
const ouro_kernels *ouro_kernels_available(size_t index);

// Relaxes the processor inside a spin loop.
void ouro_pause(void);

#endif
