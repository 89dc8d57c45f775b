// Laying activations out as tiles: what one product reads by rows, another reads by columns.

#pragma once

#include <immintrin.h>

#include <cstdint>

#include "vector.h"

// 16 × 16 values of 32 bits: rows become columns.
inline void transpose(__m512i *r) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

// 32 rows by 16 columns: row i of the tile holds for each column the pair of rows 2 i, 2 i + 1; rows from `rows` on are 0.
inline void weave(const bf16 *x, int64_t line, int64_t rows, __m512i *tile) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                           20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (int64_t i = 0; i < 16; ++i) {
        const __m256i zero = _mm256_setzero_si256();
        const __m256i a = 2 * i < rows ? _mm256_loadu_si256((const __m256i *)(x + 2 * i * line)) : zero;
        const __m256i b = 2 * i + 1 < rows ? _mm256_loadu_si256((const __m256i *)(x + (2 * i + 1) * line)) : zero;
        tile[i] = _mm512_permutexvar_epi16(order, _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1));
    }
}

inline void store_tile(bf16 *to, const __m512i *rows) {
    for (int i = 0; i < 16; ++i) _mm512_store_si512(to + i * 32, rows[i]);
}
