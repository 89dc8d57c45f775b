// Arithmetic on vectors that all files share: 16 values where there is AVX-512 with bfloat16, else 8 (AVX2). float32 in
// registers; in memory float32, or bfloat16 where the processor has it.

#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#ifdef __AVX512BF16__

typedef __m512 vec;
constexpr int LANES = 16;

inline vec all(float x) { return _mm512_set1_ps(x); }
inline vec load(const float *from) { return _mm512_loadu_ps(from); }
inline void store(float *to, vec x) { _mm512_storeu_ps(to, x); }
inline vec fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }    // a b + c
inline vec fms(vec a, vec b, vec c) { return _mm512_fmsub_ps(a, b, c); }    // a b - c
inline vec fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a b
inline vec highest(vec a, vec b) { return _mm512_max_ps(a, b); }
inline float sum_of(vec x) { return _mm512_reduce_add_ps(x); }
inline float highest_of(vec x) { return _mm512_reduce_max_ps(x); }

inline __mmask16 first_lanes(int64_t count) { return count >= 16 ? 0xffff : (1 << count) - 1; }

// The first `count` values, `other` behind them.
inline vec load_some(const float *from, int64_t count, vec other) {
    return _mm512_mask_loadu_ps(other, first_lanes(count), from);
}

inline void store_some(float *to, int64_t count, vec x) { _mm512_mask_storeu_ps(to, first_lanes(count), x); }

// x where `sign` is above 0, else 0.
inline vec where_positive(vec sign, vec x) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(sign, _mm512_setzero_ps(), _CMP_GT_OQ), x);
}

inline vec exp_ps(vec x) {
    // e^x = 2^n e^r, |r| <= ln 2 / 2, Taylor to the sixth power: relative error below 3e-7. Below -87: 0.
    // The maximum of NaN and a number is its second operand: NaN stays NaN.
    const __mmask16 tiny = _mm512_cmp_ps_mask(x, all(-87.f), _CMP_LT_OQ);
    x = _mm512_max_ps(all(-87.f), x);
    const vec n = _mm512_roundscale_ps(_mm512_mul_ps(x, all(1.44269504f)), 8);
    vec r = fnma(n, all(0.693359375f), x);
    r = fnma(n, all(-2.12194440e-4f), r);
    vec p = all(1.f / 720);
    for (const float factor : {1.f / 120, 1.f / 24, 1.f / 6, .5f, 1.f, 1.f}) p = fma(p, r, all(factor));
    return _mm512_mask_mov_ps(_mm512_scalef_ps(p, n), tiny, _mm512_setzero_ps());
}

typedef uint16_t bf16;

inline vec load_bf16(const bf16 *from) {
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from)), 16);
}

inline void store_bf16(bf16 *to, vec x) { _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(x)); }

inline float from_bf16(bf16 x) {
    const uint32_t bits = uint32_t(x) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

inline vec load(const bf16 *from) { return load_bf16(from); }
inline void store(bf16 *to, vec x) { store_bf16(to, x); }
inline float value_of(bf16 x) { return from_bf16(x); }

inline vec load_some(const bf16 *from, int64_t count, vec other) {
    const __mmask16 real = first_lanes(count);
    return _mm512_mask_mov_ps(other, real,
                              (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(real, from)), 16));
}

inline void store_some(bf16 *to, int64_t count, vec x) {
    _mm256_mask_storeu_epi16(to, first_lanes(count), (__m256i)_mm512_cvtneps_pbh(x));
}

#else

typedef __m256 vec;
constexpr int LANES = 8;

inline vec all(float x) { return _mm256_set1_ps(x); }
inline vec load(const float *from) { return _mm256_loadu_ps(from); }
inline void store(float *to, vec x) { _mm256_storeu_ps(to, x); }
inline vec fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
inline vec fms(vec a, vec b, vec c) { return _mm256_fmsub_ps(a, b, c); }
inline vec fnma(vec a, vec b, vec c) { return _mm256_fnmadd_ps(a, b, c); }
inline vec highest(vec a, vec b) { return _mm256_max_ps(a, b); }

inline float sum_of(vec x) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

inline float highest_of(vec x) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

inline __m256i first_lanes(int64_t count) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(count < LANES ? count : LANES)), lanes);
}

inline vec load_some(const float *from, int64_t count, vec other) {
    const __m256i real = first_lanes(count);
    return _mm256_blendv_ps(other, _mm256_maskload_ps(from, real), (vec)real);
}

inline void store_some(float *to, int64_t count, vec x) { _mm256_maskstore_ps(to, first_lanes(count), x); }

inline vec where_positive(vec sign, vec x) {
    return _mm256_and_ps(_mm256_cmp_ps(sign, _mm256_setzero_ps(), _CMP_GT_OQ), x);
}

inline vec exp_ps(vec x) {
    // As above; 2^n is made by its bits, so what is above 88 counts as 88.
    const vec real = _mm256_cmp_ps(x, all(-87.f), _CMP_NLT_UQ);
    x = _mm256_min_ps(all(88.f), _mm256_max_ps(all(-87.f), x));
    const vec n = _mm256_round_ps(_mm256_mul_ps(x, all(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    vec r = fnma(n, all(0.693359375f), x);
    r = fnma(n, all(-2.12194440e-4f), r);
    vec p = all(1.f / 720);
    for (const float factor : {1.f / 120, 1.f / 24, 1.f / 6, .5f, 1.f, 1.f}) p = fma(p, r, all(factor));
    const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_and_ps(_mm256_mul_ps(p, (vec)power), real);
}

#endif

inline float value_of(float x) { return x; }

inline vec sigmoid_ps(vec x) { return all(1.f) / (all(1.f) + exp_ps(all(0.f) - x)); }

inline vec activate(vec x, bool gelu) {
    if (!gelu) return x * sigmoid_ps(x);
    // GELU by its tanh formula: x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
    const vec u = fma(x * x * x, all(0.044715f), x);
    return x * sigmoid_ps(u * all(1.5957691216f));
}
