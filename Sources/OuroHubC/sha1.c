// SHA-1 (FIPS 180-4, 6.1). Git identifies small files by it. It detects damage, but not attacks.
#include "OuroHubC.h"

#include "blocks.h"

static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void add_blocks(uint32_t state[8], const uint8_t *bytes, size_t block_count) {
    for (; block_count > 0; block_count--, bytes += BLOCK_SIZE) {
        uint32_t w[80];
        for (int t = 0; t < 16; t++) w[t] = load_big_endian(bytes + 4 * t);
        for (int t = 16; t < 80; t++) w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
        for (int t = 0; t < 80; t++) {
            uint32_t f, k;
            if (t < 20) {
                f = (b & c) | (~b & d), k = 0x5a827999;
            } else if (t < 40) {
                f = b ^ c ^ d, k = 0x6ed9eba1;
            } else if (t < 60) {
                f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
            } else {
                f = b ^ c ^ d, k = 0xca62c1d6;
            }
            const uint32_t sum = rotate(a, 5) + f + e + k + w[t];
            e = d, d = c, c = rotate(b, 30), b = a, a = sum;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
    }
}

void ouro_sha1_begin(ouro_hash *hash) {
    *hash = (ouro_hash){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
}

void ouro_sha1_update(ouro_hash *hash, const void *bytes, size_t byte_count) {
    add_bytes(hash, bytes, byte_count, add_blocks);
}

void ouro_sha1_end(const ouro_hash *hash, uint8_t digest[20]) { end_hash(hash, digest, 5, add_blocks); }
