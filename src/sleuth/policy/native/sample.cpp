// Drawing tokens: the arithmetic of `sleuth.policy.sampling.draw` for float32 logits, two passes over each row.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "vector.h"

namespace {

constexpr int64_t CHUNK = 256;  // tokens whose weights are summed before they are searched

inline __m512 weights_at(const float *logits, int64_t i, int64_t left, __m512 top, __m512 inverse) {
    const __mmask16 real = left >= 16 ? 0xffff : (1 << left) - 1;
    const __m512 x = _mm512_mask_loadu_ps(_mm512_set1_ps(-INFINITY), real, logits + i);
    return exp_ps(_mm512_mul_ps(_mm512_sub_ps(x, top), inverse));
}

}  // namespace

extern "C" {

// uniforms: one in [0, 1) a row, or null for the likeliest token, the first of equals. inverse: 1 / temperature.
void sleuth_draw(const float *logits, const double *uniforms, int64_t rows, int64_t vocabulary, double inverse, int64_t *tokens,
                 float *logprobs) {
#pragma omp parallel for schedule(dynamic)
    for (int64_t row = 0; row < rows; ++row) {
        const float *from = logits + row * vocabulary;
        const int64_t chunks = (vocabulary + CHUNK - 1) / CHUNK;
        double *sums = (double *)std::malloc(chunks * sizeof(double));
        float top = -INFINITY;
        int64_t token = 0;
        for (int64_t i = 0; i < vocabulary; i += 16) {
            const __mmask16 real = vocabulary - i >= 16 ? 0xffff : (1 << (vocabulary - i)) - 1;
            const float here = _mm512_reduce_max_ps(_mm512_mask_loadu_ps(_mm512_set1_ps(-INFINITY), real, from + i));
            if (here > top) {
                top = here;
                token = i;
            }
        }
        while (from[token] < top) ++token;  // within the vector that holds it
        const __m512 tops = _mm512_set1_ps(top), inverses = _mm512_set1_ps(float(inverse));
        double total = 0;
        for (int64_t chunk = 0; chunk < chunks; ++chunk) {
            __m512 sum = _mm512_setzero_ps();
            for (int64_t i = chunk * CHUNK; i < std::min(vocabulary, (chunk + 1) * CHUNK); i += 16)
                sum = _mm512_add_ps(sum, weights_at(from, i, vocabulary - i, tops, inverses));
            sums[chunk] = total += _mm512_reduce_add_ps(sum);
        }
        if (uniforms) {
            const double sought = uniforms[row] * total;
            int64_t chunk = std::upper_bound(sums, sums + chunks, sought) - sums;
            // Rounding never carries a draw past the last token with weight.
            if (chunk == chunks) chunk = std::lower_bound(sums, sums + chunks, total) - sums;
            double before = chunk ? sums[chunk - 1] : 0;
            for (int64_t i = chunk * CHUNK; i < std::min(vocabulary, (chunk + 1) * CHUNK); i += 16) {
                alignas(64) float weights[16];
                _mm512_store_ps(weights, weights_at(from, i, vocabulary - i, tops, inverses));
                for (int64_t j = 0; j < 16; ++j)
                    if (weights[j] > 0 && before <= sought) {
                        token = i + j;
                        before += weights[j];
                    }
            }
        }
        tokens[row] = token;
        logprobs[row] = float((double(from[token]) - top) * inverse - std::log(total));
        std::free(sums);
    }
}
}
