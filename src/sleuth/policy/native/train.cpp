// What a training step computes between its matrix products, forward and backward, one pass over memory each: the
// arithmetic of `sleuth.training.kernels`. bfloat16 in and out, float32 within.
//
// T rows, E columns, F width of the feed-forward layer, V vocabulary. E, F, D are multiples of 16.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "vector.h"

namespace {

inline float sum_of(__m512 x) { return _mm512_reduce_add_ps(x); }

// 16 logits, minus infinity behind the last.
inline __m512 load_logits(const bf16 *from, int64_t left) {
    if (left >= 16) return load_bf16(from);
    const __mmask16 real = (1 << left) - 1;
    const __m512i wide = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(real, from)), 16);
    return _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), real, (__m512)wide);
}

}  // namespace

extern "C" {

// h = x + y (y may be null: h = x, not written), n = weight · h / rms(h); scale keeps 1 / rms for the way back.
void sleuth_norm(const bf16 *x, const bf16 *y, const float *weight, int64_t rows, int64_t width, double epsilon, bf16 *h,
                 bf16 *n, float *scale) {
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row) {
        const bf16 *from = x + row * width;
        __m512 squares = _mm512_setzero_ps();
        for (int64_t i = 0; i < width; i += 16) {
            __m512 v = load_bf16(from + i);
            if (y) {
                store_bf16(h + row * width + i, _mm512_add_ps(v, load_bf16(y + row * width + i)));
                v = load_bf16(h + row * width + i);  // as rounded: what the next layer adds to
            }
            squares = _mm512_fmadd_ps(v, v, squares);
        }
        if (y) from = h + row * width;
        scale[row] = 1.f / std::sqrt(sum_of(squares) / width + float(epsilon));
        const __m512 factor = _mm512_set1_ps(scale[row]);
        for (int64_t i = 0; i < width; i += 16)
            store_bf16(n + row * width + i,
                       _mm512_mul_ps(_mm512_mul_ps(load_bf16(from + i), factor), _mm512_loadu_ps(weight + i)));
    }
}

// dh = passed (may be null) + the gradient of the norm; dweight is overwritten.
void sleuth_norm_backward(const bf16 *h, const float *weight, const float *scale, const bf16 *dn, const bf16 *passed,
                          int64_t rows, int64_t width, bf16 *dh, float *dweight) {
    const int threads = omp_get_max_threads();
    float *parts = (float *)std::calloc(threads * width, sizeof(float));
#pragma omp parallel num_threads(threads)
    {
        float *part = parts + omp_get_thread_num() * width;
#pragma omp for
        for (int64_t row = 0; row < rows; ++row) {
            const bf16 *x = h + row * width, *d = dn + row * width;
            const __m512 factor = _mm512_set1_ps(scale[row]);
            __m512 along = _mm512_setzero_ps();
            for (int64_t i = 0; i < width; i += 16) {
                const __m512 normed = _mm512_mul_ps(load_bf16(x + i), factor), g = load_bf16(d + i);
                const __m512 product = _mm512_mul_ps(normed, g);
                _mm512_storeu_ps(part + i, _mm512_add_ps(_mm512_loadu_ps(part + i), product));
                along = _mm512_fmadd_ps(product, _mm512_loadu_ps(weight + i), along);
            }
            const __m512 mean = _mm512_set1_ps(sum_of(along) / width);
            for (int64_t i = 0; i < width; i += 16) {
                const __m512 normed = _mm512_mul_ps(load_bf16(x + i), factor);
                __m512 g = _mm512_mul_ps(load_bf16(d + i), _mm512_loadu_ps(weight + i));
                g = _mm512_mul_ps(_mm512_fnmadd_ps(normed, mean, g), factor);
                if (passed) g = _mm512_add_ps(g, load_bf16(passed + row * width + i));
                store_bf16(dh + row * width + i, g);
            }
        }
    }
    std::fill(dweight, dweight + width, 0.f);
    for (int thread = 0; thread < threads; ++thread)
        for (int64_t i = 0; i < width; ++i) dweight[i] += parts[thread * width + i];
    std::free(parts);
}

// Rotates the first `heads` of each row's heads of size D, in place; sign -1 rotates back.
void sleuth_rotate(bf16 *x, const float *cos, const float *sin, const int64_t *positions, int64_t rows, int64_t stride,
                   int64_t heads, int64_t size, double sign) {
    const int64_t half = size / 2;
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row) {
        const float *c = cos + positions[row] * half, *s = sin + positions[row] * half;
        for (int64_t head = 0; head < heads; ++head) {
            bf16 *low = x + row * stride + head * size, *high = low + half;
            for (int64_t i = 0; i < half; i += 16) {
                const __mmask16 real = half - i >= 16 ? 0xffff : (1 << (half - i)) - 1;
                const __m512 cosine = _mm512_maskz_loadu_ps(real, c + i);
                const __m512 sine = _mm512_mul_ps(_mm512_maskz_loadu_ps(real, s + i), _mm512_set1_ps(float(sign)));
                const __m512 a = load_logits(low + i, half - i), b = load_logits(high + i, half - i);
                const __m512 turned = _mm512_fmsub_ps(a, cosine, _mm512_mul_ps(b, sine));
                const __m512 other = _mm512_fmadd_ps(b, cosine, _mm512_mul_ps(a, sine));
                _mm256_mask_storeu_epi16(low + i, real, (__m256i)_mm512_cvtneps_pbh(turned));
                _mm256_mask_storeu_epi16(high + i, real, (__m256i)_mm512_cvtneps_pbh(other));
            }
        }
    }
}

// out (T × F) = act(gate) · up, from T × 2 F: gate, then up.
void sleuth_gate(const bf16 *gate_up, int64_t rows, int64_t width, int64_t gelu, bf16 *out) {
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < width; i += 16) {
            const bf16 *gate = gate_up + row * 2 * width + i;
            store_bf16(out + row * width + i, _mm512_mul_ps(activate(load_bf16(gate), gelu), load_bf16(gate + width)));
        }
}

void sleuth_gate_backward(const bf16 *gate_up, const bf16 *dout, int64_t rows, int64_t width, int64_t gelu, bf16 *dgate_up) {
    const __m512 one = _mm512_set1_ps(1.f);
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < width; i += 16) {
            const int64_t at = row * 2 * width + i;
            const __m512 g = load_bf16(gate_up + at), u = load_bf16(gate_up + at + width), d = load_bf16(dout + row * width + i);
            // Both activations are g sigmoid(z): z = g, or z = k (g + c g^3).
            __m512 z = g, dz = one;
            if (gelu) {
                const __m512 square = _mm512_mul_ps(g, g), k = _mm512_set1_ps(1.5957691216f);
                z = _mm512_mul_ps(_mm512_mul_ps(g, k), _mm512_fmadd_ps(square, _mm512_set1_ps(0.044715f), one));
                dz = _mm512_mul_ps(k, _mm512_fmadd_ps(square, _mm512_set1_ps(0.134145f), one));
            }
            const __m512 s = sigmoid_ps(z);
            // (g s)' = s + g s (1 - s) z'
            const __m512 bend = _mm512_mul_ps(_mm512_mul_ps(g, _mm512_sub_ps(one, s)), dz);
            const __m512 slope = _mm512_mul_ps(s, _mm512_add_ps(one, bend));
            store_bf16(dgate_up + at, _mm512_mul_ps(_mm512_mul_ps(d, u), slope));
            store_bf16(dgate_up + at + width, _mm512_mul_ps(d, _mm512_mul_ps(g, s)));
        }
}

// Of each row of logits, divided by the temperature: the target's log-probability, the entropy, the log of the sum.
void sleuth_logprobs(const bf16 *logits, const int64_t *targets, int64_t rows, int64_t vocabulary, double temperature,
                     float *logprobs, float *entropies, float *normalisers) {
    const __m512 inverse = _mm512_set1_ps(float(1 / temperature));
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row) {
        const bf16 *from = logits + row * vocabulary;
        __m512 highest = _mm512_set1_ps(-INFINITY);
        for (int64_t i = 0; i < vocabulary; i += 16) highest = _mm512_max_ps(highest, load_logits(from + i, vocabulary - i));
        const float top = _mm512_reduce_max_ps(highest) / float(temperature);
        __m512 total = _mm512_setzero_ps(), moment = _mm512_setzero_ps();
        for (int64_t i = 0; i < vocabulary; i += 16) {
            const __m512 below = _mm512_fmsub_ps(load_logits(from + i, vocabulary - i), inverse, _mm512_set1_ps(top));
            const __m512 weight = exp_ps(below);
            total = _mm512_add_ps(total, weight);
            // Where the weight is 0, what it would be multiplied by may be minus infinity.
            const __mmask16 counts = _mm512_cmp_ps_mask(weight, _mm512_setzero_ps(), _CMP_GT_OQ);
            moment = _mm512_mask3_fmadd_ps(weight, below, moment, counts);
        }
        const float sum = sum_of(total), log_sum = std::log(sum);
        logprobs[row] = from_bf16(from[targets[row]]) / float(temperature) - top - log_sum;
        entropies[row] = log_sum - sum_of(moment) / sum;
        normalisers[row] = top + log_sum;
    }
}

// Turns logits into the gradient of Σ grad · logprob, in place.
void sleuth_logprobs_backward(bf16 *logits, const int64_t *targets, const float *normalisers, const float *grad,
                              int64_t rows, int64_t vocabulary, double temperature) {
    const __m512 inverse = _mm512_set1_ps(float(1 / temperature));
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row) {
        bf16 *at = logits + row * vocabulary;
        const float scaled = grad[row] / float(temperature);
        const __m512 down = _mm512_set1_ps(-scaled), normaliser = _mm512_set1_ps(normalisers[row]);
        const float own = std::exp(from_bf16(at[targets[row]]) / float(temperature) - normalisers[row]);
        for (int64_t i = 0; i < vocabulary; i += 16) {
            const __m512 probability = exp_ps(_mm512_fmsub_ps(load_logits(at + i, vocabulary - i), inverse, normaliser));
            const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(_mm512_mul_ps(probability, down));
            if (vocabulary - i >= 16) _mm256_storeu_si256((__m256i *)(at + i), rounded);
            else _mm256_mask_storeu_epi16(at + i, (1 << (vocabulary - i)) - 1, rounded);
        }
        alignas(32) bf16 rounded[16];
        store_bf16(rounded, _mm512_set1_ps(scaled * (1 - own)));
        at[targets[row]] = rounded[0];
    }
}
}
