// What a training step computes between its matrix products, forward and backward, one pass over memory each: the
// arithmetic of `sleuth.training.kernels`. float32 within. Who includes this says in which number format values lie in
// memory, VALUE, and what the functions are called, NAME.
//
// T rows, E columns, F width of the feed-forward layer, V vocabulary. E, F, D are multiples of 16.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "vector.h"

extern "C" {

// h = x + y (y may be null: h = x, not written), n = weight · h / rms(h); scale keeps 1 / rms for the way back.
void NAME(norm)(const VALUE *x, const VALUE *y, const float *weight, int64_t rows, int64_t width, double epsilon, VALUE *h,
                VALUE *n, float *scale) {
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row) {
        const VALUE *from = x + row * width;
        vec squares = all(0.f);
        for (int64_t i = 0; i < width; i += LANES) {
            vec v = load(from + i);
            if (y) {
                store(h + row * width + i, v + load(y + row * width + i));
                v = load(h + row * width + i);  // as rounded: what the next layer adds to
            }
            squares = fma(v, v, squares);
        }
        if (y) from = h + row * width;
        scale[row] = 1.f / std::sqrt(sum_of(squares) / width + float(epsilon));
        const vec factor = all(scale[row]);
        for (int64_t i = 0; i < width; i += LANES)
            store(n + row * width + i, load(from + i) * factor * load(weight + i));
    }
}

// dh = passed (may be null) + the gradient of the norm; dweight is overwritten.
void NAME(norm_backward)(const VALUE *h, const float *weight, const float *scale, const VALUE *dn, const VALUE *passed,
                         int64_t rows, int64_t width, VALUE *dh, float *dweight) {
    const int threads = omp_get_max_threads();
    float *parts = (float *)std::calloc(threads * width, sizeof(float));
#pragma omp parallel num_threads(threads)
    {
        float *part = parts + omp_get_thread_num() * width;
#pragma omp for
        for (int64_t row = 0; row < rows; ++row) {
            const VALUE *x = h + row * width, *d = dn + row * width;
            const vec factor = all(scale[row]);
            vec along = all(0.f);
            for (int64_t i = 0; i < width; i += LANES) {
                const vec product = load(x + i) * factor * load(d + i);
                store(part + i, load(part + i) + product);
                along = fma(product, load(weight + i), along);
            }
            const vec mean = all(sum_of(along) / width);
            for (int64_t i = 0; i < width; i += LANES) {
                const vec normed = load(x + i) * factor;
                vec g = fnma(normed, mean, load(d + i) * load(weight + i)) * factor;
                if (passed) g = g + load(passed + row * width + i);
                store(dh + row * width + i, g);
            }
        }
    }
    std::fill(dweight, dweight + width, 0.f);
    for (int thread = 0; thread < threads; ++thread)
        for (int64_t i = 0; i < width; ++i) dweight[i] += parts[thread * width + i];
    std::free(parts);
}

// Rotates the first `heads` of each row's heads of size D, in place; sign -1 rotates back.
void NAME(rotate)(VALUE *x, const float *cos, const float *sin, const int64_t *positions, int64_t rows, int64_t stride,
                  int64_t heads, int64_t size, double sign) {
    const int64_t half = size / 2;
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row) {
        const float *c = cos + positions[row] * half, *s = sin + positions[row] * half;
        for (int64_t head = 0; head < heads; ++head) {
            VALUE *low = x + row * stride + head * size, *high = low + half;
            for (int64_t i = 0; i < half; i += LANES) {
                const vec cosine = load_some(c + i, half - i, all(0.f));
                const vec sine = load_some(s + i, half - i, all(0.f)) * all(float(sign));
                const vec a = load_some(low + i, half - i, all(0.f)), b = load_some(high + i, half - i, all(0.f));
                store_some(low + i, half - i, fms(a, cosine, b * sine));
                store_some(high + i, half - i, fma(b, cosine, a * sine));
            }
        }
    }
}

// out (T × F) = act(gate) · up, from T × 2 F: gate, then up.
void NAME(gate)(const VALUE *gate_up, int64_t rows, int64_t width, int64_t gelu, VALUE *out) {
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < width; i += LANES) {
            const VALUE *gate = gate_up + row * 2 * width + i;
            store(out + row * width + i, activate(load(gate), gelu) * load(gate + width));
        }
}

void NAME(gate_backward)(const VALUE *gate_up, const VALUE *dout, int64_t rows, int64_t width, int64_t gelu,
                         VALUE *dgate_up) {
    const vec one = all(1.f);
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < width; i += LANES) {
            const int64_t at = row * 2 * width + i;
            const vec g = load(gate_up + at), u = load(gate_up + at + width), d = load(dout + row * width + i);
            // Both activations are g sigmoid(z): z = g, or z = k (g + c g^3).
            vec z = g, dz = one;
            if (gelu) {
                const vec square = g * g, k = all(1.5957691216f);
                z = g * k * fma(square, all(0.044715f), one);
                dz = k * fma(square, all(0.134145f), one);
            }
            const vec s = sigmoid_ps(z);
            const vec slope = s * (one + g * (one - s) * dz);  // (g s)' = s + g s (1 - s) z'
            store(dgate_up + at, d * u * slope);
            store(dgate_up + at + width, d * (g * s));
        }
}

// Of each row of logits, divided by the temperature: the target's log-probability, the entropy, the log of the sum.
void NAME(logprobs)(const VALUE *logits, const int64_t *targets, int64_t rows, int64_t vocabulary, double temperature,
                    float *logprobs, float *entropies, float *normalisers) {
    const vec inverse = all(float(1 / temperature)), none = all(-INFINITY);
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row) {
        const VALUE *from = logits + row * vocabulary;
        vec tops = none;
        for (int64_t i = 0; i < vocabulary; i += LANES) tops = highest(tops, load_some(from + i, vocabulary - i, none));
        const float top = highest_of(tops);
        vec total = all(0.f), moment = all(0.f);
        for (int64_t i = 0; i < vocabulary; i += LANES) {
            const vec below = (load_some(from + i, vocabulary - i, none) - all(top)) * inverse;  // of the highest, 0
            const vec weight = exp_ps(below);
            total = total + weight;
            // Where the weight is 0, what it would be multiplied by may be minus infinity.
            moment = moment + where_positive(weight, weight * below);
        }
        const float sum = sum_of(total), log_sum = std::log(sum);
        logprobs[row] = (value_of(from[targets[row]]) - top) * float(1 / temperature) - log_sum;
        entropies[row] = log_sum - sum_of(moment) / sum;
        normalisers[row] = top * float(1 / temperature) + log_sum;
    }
}

// Turns logits into the gradient of Σ grad · logprob, in place.
void NAME(logprobs_backward)(VALUE *logits, const int64_t *targets, const float *normalisers, const float *grad,
                             int64_t rows, int64_t vocabulary, double temperature) {
    const vec inverse = all(float(1 / temperature));
#pragma omp parallel for
    for (int64_t row = 0; row < rows; ++row) {
        VALUE *at = logits + row * vocabulary;
        const float scaled = grad[row] / float(temperature);
        const vec down = all(-scaled), normaliser = all(normalisers[row]);
        const float own = std::exp(value_of(at[targets[row]]) / float(temperature) - normalisers[row]);
        for (int64_t i = 0; i < vocabulary; i += LANES) {
            const vec logit = load_some(at + i, vocabulary - i, all(0.f));
            store_some(at + i, vocabulary - i, exp_ps(fms(logit, inverse, normaliser)) * down);
        }
        VALUE rounded[LANES];
        store(rounded, all(scaled * (1 - own)));
        at[targets[row]] = rounded[0];
    }
}
}
