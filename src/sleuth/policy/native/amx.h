// Tiles: the unit of AMX (Advanced Matrix Extensions), 16 rows of 64 bytes.

#pragma once

#include <cstdint>

constexpr int TILE = 512;  // bfloat16 values in a tile

inline int up(int n, int unit) { return (n + unit - 1) / unit * unit; }

struct alignas(64) TileConfig {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
