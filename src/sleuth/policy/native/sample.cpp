// Drawing tokens: the arithmetic of `sleuth.policy.sampling.draw` for float32 logits, two passes over each row.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "vector.h"

namespace {

constexpr int64_t CHUNK = 256;  // tokens whose weights are summed before they are searched

inline vec weights_at(const float *logits, int64_t i, int64_t left, vec top, vec inverse) {
    return exp_ps((load_some(logits + i, left, all(-INFINITY)) - top) * inverse);
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
        for (int64_t i = 0; i < vocabulary; i += LANES) {
            const float here = highest_of(load_some(from + i, vocabulary - i, all(-INFINITY)));
            if (here > top) {
                top = here;
                token = i;
            }
        }
        while (from[token] < top) ++token;  // within the vector that holds it
        const vec tops = all(top), inverses = all(float(inverse));
        double total = 0;
        for (int64_t chunk = 0; chunk < chunks; ++chunk) {
            vec sum = all(0.f);
            for (int64_t i = chunk * CHUNK; i < std::min(vocabulary, (chunk + 1) * CHUNK); i += LANES)
                sum = sum + weights_at(from, i, vocabulary - i, tops, inverses);
            sums[chunk] = total += sum_of(sum);
        }
        if (uniforms) {
            const double sought = uniforms[row] * total;
            int64_t chunk = std::upper_bound(sums, sums + chunks, sought) - sums;
            // Rounding never carries a draw past the last token with weight.
            if (chunk == chunks) chunk = std::lower_bound(sums, sums + chunks, total) - sums;
            double before = chunk ? sums[chunk - 1] : 0;
            for (int64_t i = chunk * CHUNK; i < std::min(vocabulary, (chunk + 1) * CHUNK); i += LANES) {
                float weights[LANES];
                store(weights, weights_at(from, i, vocabulary - i, tops, inverses));
                for (int64_t j = 0; j < LANES; ++j)
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
