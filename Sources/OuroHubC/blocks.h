// Shared parts of SHA-1 and SHA-256: bytes become blocks of 64, and the last block ends with the number of bits
// (FIPS 180-4, 5.1.1).
#include "OuroHubC.h"

#include <string.h>

enum { BLOCK_SIZE = 64 };

// Adds complete blocks to a state.
typedef void (*block_function)(uint32_t state[8], const uint8_t *bytes, size_t block_count);

static inline uint32_t load_big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline void store_big_endian(uint8_t *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static inline void add_bytes(ouro_hash *hash, const uint8_t *bytes, size_t byte_count, block_function add_blocks) {
    const size_t pending = hash->byte_count % BLOCK_SIZE;
    hash->byte_count += byte_count;
    if (pending > 0) {
        const size_t missing = BLOCK_SIZE - pending, taken = byte_count < missing ? byte_count : missing;
        if (taken > 0) memcpy(hash->pending + pending, bytes, taken);
        if (taken < missing) return;
        add_blocks(hash->state, hash->pending, 1);
        bytes += taken, byte_count -= taken;
    }
    const size_t block_count = byte_count / BLOCK_SIZE, rest = byte_count % BLOCK_SIZE;
    if (block_count > 0) add_blocks(hash->state, bytes, block_count);
    if (rest > 0) memcpy(hash->pending, bytes + block_count * BLOCK_SIZE, rest);
}

static inline void end_hash(const ouro_hash *hash, uint8_t *digest, int word_count, block_function add_blocks) {
    ouro_hash end = *hash;
    const size_t pending = end.byte_count % BLOCK_SIZE;
    const uint64_t bit_count = end.byte_count * 8;
    // The padding is a one bit, zeros, and the number of bits in the last 8 bytes of a block.
    uint8_t padding[2 * BLOCK_SIZE] = {0x80};
    const size_t length = (pending < 56 ? 64 : 128) - pending;
    store_big_endian(padding + length - 8, (uint32_t)(bit_count >> 32));
    store_big_endian(padding + length - 4, (uint32_t)bit_count);
    add_bytes(&end, padding, length, add_blocks);
    for (int i = 0; i < word_count; i++) store_big_endian(digest + 4 * i, end.state[i]);
}
