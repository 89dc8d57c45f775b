// Tiles: 16 rows of 64 bytes, and their products. The unit of AMX (Advanced Matrix Extensions); where a processor has
// AVX-512 with bfloat16 but no AMX, vectors do the same work on the same layout.
//
// Tiles 0 … 3 hold sums (16 × 16 float32), 4 … 7 operands: 16 rows of 32 bfloat16 values on the left, 16 rows of pairs on
// the right. A function that uses them says TILES first; a thread says TILES_BEGIN and TILES_END around all such
// functions.

#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "vector.h"

constexpr int TILE = 512;  // bfloat16 values in a tile

inline int up(int n, int unit) { return (n + unit - 1) / unit * unit; }

#ifdef __AMX_BF16__

struct alignas(64) TileConfig {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

#define TILES_BEGIN const TileConfig tile_config; _tile_loadconfig(&tile_config)
#define TILES_END _tile_release()
#define TILES
#define TILE_ZERO(sums) _tile_zero(sums)
#define TILE_LOAD(tile, from, line) _tile_loadd(tile, from, line)
#define TILE_STORE(sums, to, line) _tile_stored(sums, to, line)
#define TILE_DOT(sums, left, right) _tile_dpbf16ps(sums, left, right)

#else

class Tiles {
  public:
    void zero(int sums) { std::memset(sums_[sums], 0, sizeof sums_[sums]); }
    void load(int tile, const void *from, int64_t line) {
        if (tile >= 4) {  // operands stay where they are
            from_[tile - 4] = (const char *)from;
            line_[tile - 4] = line;
            return;
        }
        for (int row = 0; row < 16; ++row) std::memcpy(sums_[tile] + row * 16, (const char *)from + row * line, 64);
    }
    void store(int sums, void *to, int64_t line) const {
        for (int row = 0; row < 16; ++row) std::memcpy((char *)to + row * line, sums_[sums] + row * 16, 64);
    }
    void dot(int sums, int left, int right) {
        const char *x = from_[left - 4], *w = from_[right - 4];
        const int64_t x_line = line_[left - 4], w_line = line_[right - 4];
        __m512 sum[16];
        for (int row = 0; row < 16; ++row) sum[row] = _mm512_load_ps(sums_[sums] + row * 16);
        for (int pair = 0; pair < 16; ++pair) {
            const __m512bh columns = (__m512bh)_mm512_loadu_si512(w + pair * w_line);
#pragma GCC unroll 16
            for (int row = 0; row < 16; ++row) {
                int32_t both;
                std::memcpy(&both, x + row * x_line + pair * 4, 4);
                sum[row] = _mm512_dpbf16_ps(sum[row], (__m512bh)_mm512_set1_epi32(both), columns);
            }
        }
        for (int row = 0; row < 16; ++row) _mm512_store_ps(sums_[sums] + row * 16, sum[row]);
    }

  private:
    alignas(64) float sums_[4][256];
    const char *from_[4];
    int64_t line_[4];
};

#define TILES_BEGIN
#define TILES_END
#define TILES Tiles tiles
#define TILE_ZERO(sums) tiles.zero(sums)
#define TILE_LOAD(tile, from, line) tiles.load(tile, from, line)
#define TILE_STORE(sums, to, line) tiles.store(sums, to, line)
#define TILE_DOT(sums, left, right) tiles.dot(sums, left, right)

#endif
