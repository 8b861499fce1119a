// Kernels that choose a token from one row of logits.
//
// The words used here:
//   scaled     a logit divided by the temperature
//   candidate  a token that can be drawn: its scaled logit is at least `lowest`. Of the tokens whose scaled logit equals
//              `lowest`, only those up to `last_tie` are candidates. A NaN is never a candidate.
//   noise      -log(-log(u)), for a number u between 0 and 1 that Philox 4x32-10 makes of seed, position and token
//   score      scaled + noise, in f64. The token with the largest score is a sample from the softmax.
//   amount     what a token adds to a sum: 1 (OURO_COUNT), or exp(scaled - largest) (OURO_WEIGHT), an integer that
//              counts units of 2^-52
//
// The rules of OuroKernels.h hold here, and one more: all variants give the same bits. Sums are sums of integers. Every
// other result is a comparison, or is computed in f64 without fused operations. A row may therefore be split anywhere.
#ifndef OURO_SAMPLING_KERNELS_H
#define OURO_SAMPLING_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// Bins of a tally.
#define OURO_BINS 1024

typedef enum ouro_amount { OURO_COUNT = 0, OURO_WEIGHT = 1 } ouro_amount;

typedef struct ouro_candidates {
    const float *logits;
    float temperature;
    float largest;     // the largest scaled logit, which is finite
    float lowest;      // the least scaled logit of a candidate
    int64_t last_tie;  // the last candidate whose scaled logit is `lowest`; `tally` and `collect` ignore it
} ouro_candidates;

// A sum of amounts: high * 2^32 + low. Neither part overflows for fewer than 2^32 tokens.
typedef struct ouro_sum {
    uint64_t low, high;
} ouro_sum;

// A token and its score. A search begins with the score -INFINITY.
typedef struct ouro_drawn {
    double score;
    float scaled;
    int64_t token;
} ouro_drawn;

typedef struct ouro_sampling_kernels {
    // Index of the largest of n > 0 values, the first of equal ones. Ignores NaN; 0 if all are NaN. Sets `least` to the
    // least value that is not NaN, or to INFINITY.
    size_t (*largest)(const float *x, size_t n, float *least);

    // Adds the amounts of the candidates first ..< last to sums[OURO_BINS]. A candidate belongs to the bin
    // (largest - scaled) * scale, rounded down, or to the last bin. Larger scaled logits never belong to later bins.
    void (*tally)(const ouro_candidates *c, ouro_amount amount, float scale, size_t first, size_t last, ouro_sum *sums);

    // Writes the scaled logits and the tokens of the candidates first ..< last in one bin, in the order of tokens.
    // Returns their number.
    size_t (*collect)(const ouro_candidates *c, float scale, uint32_t bin, size_t first, size_t last, float *scaled,
                      uint32_t *tokens);

    // Orders tokens by scaled logit, largest first, then by token. Finds the first one at which the sum of amounts
    // reaches `target` > 0. The sum of all amounts is at least `target`. Returns the scaled logit. Sets `last_tie` to the
    // token. Changes the order of both arrays, which list the tokens in ascending order. sums: OURO_BINS for scratch.
    float (*reach)(float *scaled, uint32_t *tokens, size_t n, float largest, ouro_amount amount, ouro_sum target,
                   ouro_sum *sums, int64_t *last_tie);

    // Replaces `best` by the candidate among first ..< last with the largest score, if that is larger. Of equal scores,
    // it prefers the larger scaled logit if `ranked` is 1, then the lower token.
    void (*draw)(const ouro_candidates *c, uint64_t seed, uint64_t position, int32_t ranked, size_t first, size_t last,
                 ouro_drawn *best);
} ouro_sampling_kernels;

#endif
