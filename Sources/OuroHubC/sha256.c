// SHA-256 (FIPS 180-4, 6.2). A hub identifies large files by it. A file is hashed while it arrives, and again when a
// download continues. Where the processor has instructions for SHA-256, they are used: they are several times faster.
#include "OuroHubC.h"

#include "blocks.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

// FIPS 180-4, 4.2.2.
static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void add_blocks_portable(uint32_t state[8], const uint8_t *bytes, size_t block_count) {
    for (; block_count > 0; block_count--, bytes += BLOCK_SIZE) {
        uint32_t w[64];
        for (int t = 0; t < 16; t++) w[t] = load_big_endian(bytes + 4 * t);
        for (int t = 16; t < 64; t++) {
            const uint32_t x = w[t - 15], y = w[t - 2];
            w[t] = w[t - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[t - 7] +
                   (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int t = 0; t < 64; t++) {
            const uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) +
                                   constants[t] + w[t];
            const uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

#if defined(__x86_64__)
static bool has_instructions(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 9 & 1) || !(c >> 19 & 1)) return false;  // SSSE3, SSE4.1
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}

__attribute__((target("sha,sse4.1,ssse3"))) static void add_blocks_fast(
    uint32_t state[8], const uint8_t *bytes, size_t block_count) {
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    // The instructions expect the words in the order f e b a and h g d c, from the lowest.
    const __m128i dcba = _mm_loadu_si128((const __m128i *)state);
    const __m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
    const __m128i badc = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, efgh, 8), cdgh = _mm_blend_epi16(efgh, badc, 0xf0);
    for (; block_count > 0; block_count--, bytes += BLOCK_SIZE) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        // The 16 latest words of the schedule; w[i % 4] is the next to be used.
        __m128i w[4];
        for (int i = 0; i < 4; i++) {
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * i)), order);
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) {
            const __m128i sum = _mm_add_epi32(w[i % 4], _mm_load_si128((const __m128i *)(constants + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            const __m128i last = w[(i + 3) % 4];
            const __m128i older = _mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]);
            const __m128i middle = _mm_alignr_epi8(last, w[(i + 2) % 4], 4);
            w[i % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(older, middle), last);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#elif defined(__aarch64__)
static bool has_instructions(void) {
#if defined(__APPLE__)
    return true;
#elif defined(__linux__)
    return getauxval(AT_HWCAP) >> 6 & 1;
#else
    return false;
#endif
}

__attribute__((target("sha2"))) static void add_blocks_fast(
    uint32_t state[8], const uint8_t *bytes, size_t block_count) {
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
    for (; block_count > 0; block_count--, bytes += BLOCK_SIZE) {
        const uint32x4_t abcd_before = abcd, efgh_before = efgh;
        // The 16 latest words of the schedule; w[i % 4] is the next to be used.
        uint32x4_t w[4];
        for (int i = 0; i < 4; i++) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes + 16 * i)));
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) {
            const uint32x4_t sum = vaddq_u32(w[i % 4], vld1q_u32(constants + 4 * i));
            const uint32x4_t abcd_old = abcd;
            abcd = vsha256hq_u32(abcd, efgh, sum);
            efgh = vsha256h2q_u32(efgh, abcd_old, sum);
            const uint32x4_t older = vsha256su0q_u32(w[i % 4], w[(i + 1) % 4]);
            w[i % 4] = vsha256su1q_u32(older, w[(i + 2) % 4], w[(i + 3) % 4]);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}
#else
static bool has_instructions(void) { return false; }

static void add_blocks_fast(uint32_t state[8], const uint8_t *bytes, size_t block_count) {
    add_blocks_portable(state, bytes, block_count);
}
#endif

bool ouro_sha256_is_accelerated(void) {
    // The answer is stored, because cpuid is slow in a virtual machine.
    static atomic_int answer = -1;
    int known = atomic_load(&answer);
    if (known < 0) atomic_store(&answer, known = has_instructions());
    return known;
}

static block_function blocks(void) { return ouro_sha256_is_accelerated() ? add_blocks_fast : add_blocks_portable; }

void ouro_sha256_begin(ouro_hash *hash) {
    *hash = (ouro_hash){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
                                  0x5be0cd19}};
}

void ouro_sha256_update(ouro_hash *hash, const void *bytes, size_t byte_count) {
    add_bytes(hash, bytes, byte_count, blocks());
}

void ouro_sha256_update_portable(ouro_hash *hash, const void *bytes, size_t byte_count) {
    add_bytes(hash, bytes, byte_count, add_blocks_portable);
}

void ouro_sha256_end(const ouro_hash *hash, uint8_t digest[32]) { end_hash(hash, digest, 8, blocks()); }
