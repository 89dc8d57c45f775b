// Attention of decoding in float32: one new token of each row sees its prompt, which rows may share, and its own tokens.
// The arithmetic of `sleuth.policy.native.functions.attend`.
//
// H query and K key/value heads of size D, side by side in a row of queries, keys and values; D is a multiple of 16.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "vector.h"

namespace {

// scores[token] = q · keys[token]; returns the highest.
float score(const float *q, const float *keys, int64_t tokens, int64_t size, float *scores) {
    float top = -INFINITY;
    for (int64_t token = 0; token < tokens; ++token, keys += size) {
        vec sum = load(q) * load(keys);
        for (int64_t i = LANES; i < size; i += LANES) sum = fma(load(q + i), load(keys + i), sum);
        top = std::max(top, scores[token] = sum_of(sum));
    }
    return top;
}

// to[0 … BLOCKS · LANES) += Σ weights[token] values[token].
template <int BLOCKS>
void combine(const float *weights, const float *values, int64_t tokens, int64_t size, float *to) {
    vec sum[BLOCKS];
    for (int block = 0; block < BLOCKS; ++block) sum[block] = load(to + block * LANES);
    for (int64_t token = 0; token < tokens; ++token, values += size) {
        const vec weight = all(weights[token]);
        for (int block = 0; block < BLOCKS; ++block) sum[block] = fma(weight, load(values + block * LANES), sum[block]);
    }
    for (int block = 0; block < BLOCKS; ++block) store(to + block * LANES, sum[block]);
}

void combine(const float *weights, const float *values, int64_t tokens, int64_t size, float *to) {
    int64_t i = 0;
    for (; i + 4 * LANES <= size; i += 4 * LANES) combine<4>(weights, values + i, tokens, size, to + i);
    for (; i < size; i += LANES) combine<1>(weights, values + i, tokens, size, to + i);
}

}  // namespace

extern "C" {

// qkv: rows × (H + 2 K) D, rotated. keys, values: rows × K × capacity × D, a row's own tokens, of which there are own[row];
// the new ones are put behind them. prompt_keys, prompt_values: of each row K × P × D, P = prompt_tokens[row], which may
// be 0. out: rows × H D.
void sleuth_attend(const float *qkv, float *keys, float *values, int64_t capacity, const int64_t *own,
                   const float *const *prompt_keys, const float *const *prompt_values, const int64_t *prompt_tokens,
                   int64_t rows, int64_t heads, int64_t kv_heads, int64_t size, double scale, float *out) {
    const int64_t line = (heads + 2 * kv_heads) * size;
    int64_t longest = 0;
    for (int64_t row = 0; row < rows; ++row) longest = std::max(longest, prompt_tokens[row] + own[row] + 1);
#pragma omp parallel
    {
        std::vector<float> scores(longest + LANES);
        // Rows of one prompt are mostly neighbours: its keys of a head stay in the cache.
#pragma omp for
        for (int64_t unit = 0; unit < kv_heads * rows; ++unit) {
            const int64_t kv_head = unit / rows, row = unit % rows, prompt = prompt_tokens[row], mine = own[row] + 1;
            const float *from = qkv + row * line;
            float *row_keys = keys + (row * kv_heads + kv_head) * capacity * size;
            float *row_values = values + (row * kv_heads + kv_head) * capacity * size;
            std::copy_n(from + (heads + kv_head) * size, size, row_keys + own[row] * size);
            std::copy_n(from + (heads + kv_heads + kv_head) * size, size, row_values + own[row] * size);
            const float *first_keys = prompt_keys[row] + kv_head * prompt * size;
            const float *first_values = prompt_values[row] + kv_head * prompt * size;
            const int64_t repeats = heads / kv_heads;
            for (int64_t head = kv_head * repeats; head < (kv_head + 1) * repeats; ++head) {
                float top = score(from + head * size, first_keys, prompt, size, scores.data());
                top = std::max(top, score(from + head * size, row_keys, mine, size, scores.data() + prompt));
                vec total = all(0.f);
                for (int64_t i = 0; i < prompt + mine; i += LANES) {
                    const int64_t left = prompt + mine - i;
                    const vec below = (load_some(scores.data() + i, left, all(-INFINITY)) - all(top)) * all(float(scale));
                    const vec weight = exp_ps(below);
                    store(scores.data() + i, weight);
                    total = total + weight;
                }
                float *to = out + (row * heads + head) * size;
                std::fill_n(to, size, 0.f);
                combine(scores.data(), first_values, prompt, size, to);
                combine(scores.data() + prompt, row_values, mine, size, to);
                const vec factor = all(1.f / sum_of(total));
                for (int64_t i = 0; i < size; i += LANES) store(to + i, load(to + i) * factor);
            }
        }
    }
}
}
