// The choice of tokens: kernels against plain loops. Random numbers and winners must agree exactly.
#include "checks.h"

enum { most = 300 };

// Philox 4x32-10, written as its authors do. Returns a number between 0 and 1.
static double uniform(uint64_t seed, uint64_t position, uint32_t token) {
    uint32_t c[4] = {token, (uint32_t)position, (uint32_t)(position >> 32), 0};
    uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)c[0] * 0xd2511f53u, b = (uint64_t)c[2] * 0xcd9e8d57u;
        const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k[0], (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k[1],
                                  (uint32_t)a};
        memcpy(c, next, sizeof c);
        k[0] += 0x9e3779b9u, k[1] += 0xbb67ae85u;
    }
    return ((double)((uint64_t)c[0] << 21 ^ c[1] >> 11) + 0.5) * 0x1p-53;
}

static void expect_equal(const ouro_variant *variant, const char *what, double found, double expected) {
    expect_close(variant, what, found, expected, 0, 0);
}

static double value_of(ouro_sum sum) { return (double)sum.high * 0x1p32 + (double)sum.low; }

static int is_kept(const ouro_candidates *c, size_t token) {
    const float scaled = c->logits[token] / c->temperature;
    return scaled > c->lowest || (scaled == c->lowest && (int64_t)token <= c->last_tie);
}

static void check_draws(const ouro_variant *variant, const ouro_candidates *c, size_t n) {
    for (uint64_t position = 0; position < 40; position++) {
        const uint64_t seed = 0x123456789abcdef0u * (position + 1), place = position << (position % 40);
        ouro_drawn expected = {-INFINITY, 0, -1}, whole = expected, parts = expected;
        for (size_t i = 0; i < n; i++) {
            const double score =
                (double)(c->logits[i] / c->temperature) - log(-log(uniform(seed, place, (uint32_t)i)));
            if (is_kept(c, i) && score > expected.score) expected.score = score, expected.token = (int64_t)i;
        }
        variant->sampling.draw(c, seed, place, 0, 0, n, &whole);
        expect_equal(variant, "draw", (double)whole.token, (double)expected.token);
        expect_equal(variant, "score of draw", whole.score, expected.score);
        const size_t cut = n / 32 * 16;
        variant->sampling.draw(c, seed, place, 0, cut, n, &parts);
        variant->sampling.draw(c, seed, place, 0, 0, cut, &parts);
        expect_equal(variant, "draw of two parts", (double)parts.token, (double)expected.token);
    }
}

// The place where a sum over tokens, most likely first, reaches its target.
static void check_edge(const ouro_variant *variant, const ouro_candidates *c, size_t n, ouro_amount amount) {
    static ouro_sum sums[OURO_BINS], scratch[OURO_BINS];
    float values[most], scaled[most];
    size_t ranks[most], count = 0;
    uint32_t tokens[most];
    double total = 0, found = 0;
    for (size_t i = 0; i < n; i++) {
        values[i] = c->logits[i] / c->temperature;
        if (!(values[i] >= c->lowest)) continue;
        size_t j = count++;
        for (; j > 0 && values[ranks[j - 1]] < values[i]; j--) ranks[j] = ranks[j - 1];
        ranks[j] = i;
        total += amount == OURO_COUNT ? 1 : exp((double)(values[i] - c->largest));
    }
    const double unit = amount == OURO_COUNT ? 1 : 0x1p52;
    const float scale = (OURO_BINS - 1) / fmaxf(c->largest - values[ranks[count - 1]], 1e-30f);
    memset(sums, 0, sizeof sums);
    variant->sampling.tally(c, amount, scale, 0, n / 32 * 16, sums);
    variant->sampling.tally(c, amount, scale, n / 32 * 16, n, sums);
    for (int bin = 0; bin < OURO_BINS; bin++) found += value_of(sums[bin]) / unit;
    expect_close(variant, "tally", found, total, 1e-13, total);
    for (int part = 1; part < 10; part++) {
        // A target between two sums, so that rounding does not matter.
        const size_t rank = (size_t)part * count / 10;
        double before = 0;
        for (size_t i = 0; i < rank; i++) before += amount == OURO_COUNT ? 1 : exp((double)(values[ranks[i]] - c->largest));
        const double own = amount == OURO_COUNT ? 1 : exp((double)(values[ranks[rank]] - c->largest));
        double left = amount == OURO_COUNT ? before + 1 : floor((before + own / 2) * unit);
        if (own * unit < 4096 && amount == OURO_WEIGHT) continue;
        uint32_t bin = 0;
        while (value_of(sums[bin]) < left) left -= value_of(sums[bin++]);
        const size_t collected = variant->sampling.collect(c, scale, bin, 0, n, scaled, tokens);
        const uint64_t whole = (uint64_t)left;
        int64_t last = -1;
        const float edge = variant->sampling.reach(
            scaled, tokens, collected, c->largest, amount, (ouro_sum){whole & 0xffffffffu, whole >> 32}, scratch, &last);
        expect_equal(variant, amount == OURO_COUNT ? "edge by count" : "edge by weight", edge, values[ranks[rank]]);
        expect_equal(variant, "last token before the edge", (double)last, (double)ranks[rank]);
    }
}

static void check_row_of(const ouro_variant *variant, size_t n, int kind) {
    float x[most], least;
    size_t largest = 0;
    float lowest = INFINITY;
    for (size_t i = 0; i < n; i++) {
        switch (kind) {
            case 0: x[i] = 9 * random_value(); break;
            case 1: x[i] = (float)random_integer(-3, 3); break;
            case 2: x[i] = 1; break;
            case 3: x[i] = 1e-3f * ldexpf(random_value(), -random_integer(0, 100)); break;
            default: x[i] = random_integer(0, 3) ? 30 * random_value() : -INFINITY; break;
        }
        if (kind == 4 && i == n / 3) x[i] = 2;
        largest = x[i] > x[largest] ? i : largest;
        lowest = x[i] < lowest ? x[i] : lowest;
    }
    expect_equal(variant, "largest", (double)variant->sampling.largest(x, n, &least), (double)largest);
    if (least != lowest) expect_equal(variant, "least", least, lowest);
    const float temperatures[] = {1, 0.7f, 3};
    for (int t = 0; t < 3; t++) {
        const float scaled = x[largest] / temperatures[t];
        ouro_candidates c = {x, temperatures[t], scaled, scaled - 41, INT64_MAX};
        check_draws(variant, &c, n);
        check_edge(variant, &c, n, OURO_COUNT);
        check_edge(variant, &c, n, OURO_WEIGHT);
        c.lowest = x[n / 2] / temperatures[t] < scaled - 41 ? scaled - 41 : x[n / 2] / temperatures[t];
        c.last_tie = (int64_t)n / 2;
        if (is_kept(&c, largest) || largest > n / 2) check_draws(variant, &c, n);
    }
    x[0] = x[n - 1] = NAN;
    size_t expected = 0;
    for (size_t i = 1; i + 1 < n; i++)
        if (expected == 0 || x[i] > x[expected]) expected = i;
    expect_equal(variant, "largest beside NaN", (double)variant->sampling.largest(x, n, &least), (double)expected);
}

void check_sampling(const ouro_variant *variant) {
    static const size_t lengths[] = {1, 10, 16, 31, 60, 257, 300};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int kind = 0; kind < 5; kind++) check_row_of(variant, lengths[i], kind);
}
