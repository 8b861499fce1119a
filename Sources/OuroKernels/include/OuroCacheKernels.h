// Kernels for the KV cache: they store, read and compress keys and values.
//
// A block holds OURO_BLOCK = 16 positions of one loop. For one layer and KV head it holds
//   keys    [D][OURO_BLOCK]             one vector: one dimension of all positions
//   values  [OURO_BLOCK][value_stride]  one vector: 16 dimensions of one position
// With Q8 both are bytes, in the order in which a dot product of four bytes reads them, each followed by OURO_BLOCK
// scales in f32:
//   keys    [D/4, rounded up][OURO_BLOCK][4]  unsigned: the rounded key plus 128
//   values  [OURO_BLOCK/4][value_stride][4]   signed
//
// A compressed page holds the same 16 positions at all loops, with few bits per number (see kv_compressed.inc).
//
// The rules of OuroKernels.h hold here, too.
#ifndef OURO_CACHE_KERNELS_H
#define OURO_CACHE_KERNELS_H

#include "OuroTypes.h"

// Bits of a number in a compressed page at a loop (from 1).
//
//                                keys  values
//   last loop                       6       4
//   loop before the last            3       2
//   other loops                     4       3
//   first loop                      8       6
//
// The last loop is stored as it is. Every other loop is stored as its difference from the loop after it, and the first
// loop differs most. Keys get more bits, because an error in a score is exponentiated by the softmax.
static inline int ouro_compressed_bits(size_t loops, size_t loop, int of_values) {
    if (loop == loops) return of_values ? 4 : 6;
    if (loop == 1) return of_values ? 6 : 8;
    return loop + 1 == loops ? (of_values ? 2 : 3) : (of_values ? 3 : 4);
}

// Bytes of the keys (width = D) or values (width = value_stride) of one head at one loop in a compressed page: 16
// scales of one byte, then 16 * width codes.
static inline size_t ouro_compressed_part(int bits, size_t width) { return OURO_BLOCK + 2 * (size_t)bits * width; }

// Bytes of the keys and values of one head at all loops in a compressed page.
static inline size_t ouro_compressed_bytes(size_t loops, size_t head_dimension) {
    size_t bytes = 0;
    for (size_t loop = 1; loop <= loops; loop++) {
        bytes += ouro_compressed_part(ouro_compressed_bits(loops, loop, 0), head_dimension);
        bytes += ouro_compressed_part(ouro_compressed_bits(loops, loop, 1), ouro_value_stride(head_dimension));
    }
    return bytes;
}

typedef struct ouro_cache_kernels {
    // Writes the key and value [D] of one position and KV head into a block. `index`: the position's place in the
    // block. `block_keys` and `block_values` point to the keys and values of this layer and head.
    void (*store)(ouro_kv_element element, const float *key, const float *value, size_t head_dimension,
                  size_t value_stride, size_t index, void *block_keys, void *block_values);

    // Reads the key and value of one position and KV head from a block.
    void (*read)(ouro_kv_element element, const void *block_keys, const void *block_values, size_t head_dimension,
                 size_t value_stride, size_t index, float *key, float *value);

    // Compresses one KV head. keys and values: [loops][OURO_BLOCK] rows of D values, `stride` apart. decoded: scratch
    // memory for 2 * OURO_BLOCK such rows. page: ouro_compressed_bytes(loops, D) bytes.
    void (*compress)(const float *keys, const float *values, size_t stride, size_t loops, size_t head_dimension,
                     float *decoded, void *page);

    // Reads one KV head of a compressed page at a loop (from 1): keys [D][OURO_BLOCK], values
    // [OURO_BLOCK][value_stride].
    void (*expand)(const void *page, size_t loops, size_t loop, size_t head_dimension, size_t value_stride, float *keys,
                   float *values);
} ouro_cache_kernels;

#endif
