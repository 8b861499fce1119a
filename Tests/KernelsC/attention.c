// Tests attention over blocks of the KV cache, and storing keys and values in blocks.
#include "checks.h"

enum { block = OURO_BLOCK };

typedef struct shape {
    size_t depth, heads, positions, rows, window;
} shape;

static const size_t sizes[] = {4, 2, 1};
static const char *const names[] = {"f32", "bf16", "q8"};

// The tolerance per element type. Storing rounds keys and values.
static const double tolerances[] = {2e-6, 1e-2, 2e-2};

static void check_shape(const ouro_variant *variant, ouro_kv_element type, shape s) {
    const size_t stride = ouro_value_stride(s.depth), count = (s.positions + block - 1) / block;
    const size_t key_depth = type == OURO_KV_Q8 ? (s.depth + 3) / 4 * 4 : s.depth;
    const size_t key_bytes = (key_depth * block * sizes[type] + block * sizeof(float) + 63) / 64 * 64;
    const size_t value_bytes = stride * block * sizes[type] + block * sizeof(float), width = s.heads * s.depth;
    float *keys = allocate(s.positions * s.depth * sizeof(float));
    float *values = allocate(s.positions * s.depth * sizeof(float));
    float *query = allocate(s.rows * width * sizeof(float)), *together = allocate(s.rows * width * sizeof(float));
    float *alone = allocate(s.rows * width * sizeof(float));
    float *scratch = allocate(ouro_attention_scratch(s.rows * s.heads, s.depth) * sizeof(float));
    double *weights = allocate(s.positions * sizeof(double));
    const void **blocks = allocate(count * sizeof(void *));
    char what[120];
    for (size_t i = 0; i < s.positions * s.depth; i++) keys[i] = random_value(), values[i] = random_value();
    for (size_t i = 0; i < s.rows * width; i++) query[i] = random_value();
    for (size_t i = 0; i < count; i++) {
        char *memory = allocate(key_bytes + value_bytes);
        memset(memory, 0xff, key_bytes + value_bytes);  // unused positions must not change the result
        for (size_t index = 0; index < block && i * block + index < s.positions; index++) {
            const size_t at = (i * block + index) * s.depth;
            variant->cache.store(type, keys + at, values + at, s.depth, stride, index, memory, memory + key_bytes);
        }
        blocks[i] = memory;
    }
    ouro_attention job = {.query = query, .output = together, .query_stride = width, .output_stride = width,
                          .blocks = blocks, .value_offset = key_bytes, .value_stride = stride, .scratch = scratch,
                          .position = (int64_t)(s.positions - s.rows), .window = (int64_t)s.window,
                          .rows = (int32_t)s.rows, .heads = (int32_t)s.heads, .head_dimension = (int32_t)s.depth,
                          .scale = 0.3f, .element = type};
    variant->pass.attend(&job);
    job.rows = 1;
    for (size_t r = 0; r < s.rows; r++, job.position++) {
        job.query = query + r * width, job.output = alone + r * width;
        variant->pass.attend(&job);
    }
    snprintf(what, sizeof what, "attention in %s: %zu rows of %zu heads of %zu over %zu positions, window %zu",
             names[type], s.rows, s.heads, s.depth, s.positions, s.window);
    expect_same(variant, what, alone, together, s.rows * width);
    for (size_t r = 0; r < s.rows; r++)
        for (size_t h = 0; h < s.heads; h++) {
            const size_t last = s.positions - s.rows + r, at = r * width + h * s.depth;
            const size_t first = s.window && last + 1 > s.window ? last + 1 - s.window : 0;
            double total = 0;
            for (size_t i = first; i <= last; i++) {
                double score = 0;
                for (size_t d = 0; d < s.depth; d++) score += (double)query[at + d] * keys[i * s.depth + d];
                total += weights[i] = exp((double)0.3f * score);
            }
            for (size_t d = 0; d < s.depth; d++) {
                double expected = 0;
                for (size_t i = first; i <= last; i++) expected += weights[i] / total * values[i * s.depth + d];
                expect_close(variant, what, together[at + d], expected, tolerances[type], 1);
            }
        }
    for (size_t i = 0; i < count; i++) free((void *)blocks[i]);
    free(keys), free(values), free(query), free(together), free(alone), free(scratch), free(weights), free(blocks);
}

// An 8-bit code cannot be NaN. Still, the output must not be finite at any position that reads an infinite value.
static void check_poison(const ouro_variant *variant) {
    enum { depth = 16, bytes = depth * block + block * sizeof(float) };
    char *memory = allocate(2 * bytes);
    float *scratch = allocate(ouro_attention_scratch(1, depth) * sizeof(float)), output[depth];
    const void *blocks[] = {memory};
    ouro_attention job = {.output = output, .blocks = blocks, .value_offset = bytes, .value_stride = depth,
                          .scratch = scratch, .rows = 1, .heads = 1, .head_dimension = depth, .scale = 1,
                          .element = OURO_KV_Q8};
    float vector[depth] = {1, 2, 3};
    job.query = vector;
    for (size_t index = 0; index < block; index++) {
        float value[depth] = {1, index == 3 ? INFINITY : 2};
        variant->cache.store(OURO_KV_Q8, vector, value, depth, depth, index, memory, memory + bytes);
    }
    for (job.position = 0; job.position < block; job.position++) {
        variant->pass.attend(&job);
        if (isfinite(output[0]) == (job.position < 3)) continue;
        failures++;
        printf("%s: attention at position %d, an infinite value at 3: found %g\n", variant->pass.name,
               (int)job.position, output[0]);
    }
    free(memory), free(scratch);
}

void check_attention(const ouro_variant *variant) {
    check_poison(variant);
    static const shape shapes[] = {{10, 1, 1, 1, 0},   {24, 2, 16, 3, 0},  {16, 3, 50, 2, 0},   {64, 1, 100, 8, 30},
                                   {10, 2, 33, 1, 17}, {128, 1, 300, 1, 0}, {128, 1, 70, 2, 0},  {32, 8, 40, 1, 5},
                                   {20, 1, 37, 13, 9}, {16, 5, 64, 1, 0},  {112, 2, 90, 4, 0},  {100, 7, 20, 1, 0},
                                   {10, 3, 700, 31, 0}, {48, 1, 600, 40, 100}, {6, 2, 530, 20, 260}};
    for (ouro_kv_element type = OURO_KV_F32; type <= OURO_KV_Q8; type++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_shape(variant, type, shapes[i]);
}
