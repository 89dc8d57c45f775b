// Attention of training, forward and backward, on processors with AMX: the arithmetic of
// `sleuth.training.kernels.rotary_attention`. Scores are never kept: the way back computes them again from each query's
// log normaliser.
//
// A group is a prompt and its completions, one after the other in the flat sequence. A segment, the prompt or a
// completion, attends to itself causally and, a completion, to the whole prompt. A group with a key/value head is the
// unit of work: nothing is shared between units but what they read.
//
// T tokens; H query and K key/value heads of size D side by side in a row of queries, keys and values; R = H / K. Tiles
// and packing as in decode.cpp. "Strips": keys as columns, 16 at a time, along D. "Pairs": D as columns, along keys.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "tiles.h"
#include "turn.h"
#include "vector.h"

namespace {

constexpr int ROWS = 32;  // queries taken at a time: a tile's depth when they are summed over

struct Shape {
    int64_t heads, kv_heads, size;  // H, K, D
    double scale;

    int64_t line() const { return (heads + 2 * kv_heads) * size; }  // values in a row of queries, keys and values
    int repeats() const { return heads / kv_heads; }
    int depth() const { return up(size, 32) / 32; }   // tiles along D
    int blocks() const { return up(size, 16) / 16; }  // columns of tiles over D
};

// Memory of one unit of work, zeros at first.
class Buffer {
  public:
    template <class T> T *take(int64_t count) {
        pieces_.push_back(std::aligned_alloc(64, (count * sizeof(T) + 127) / 64 * 64));
        std::memset(pieces_.back(), 0, (count * sizeof(T) + 127) / 64 * 64);
        return (T *)pieces_.back();
    }
    Buffer() = default;
    Buffer(const Buffer &) = delete;
    ~Buffer() {
        for (void *piece : pieces_) std::free(piece);
    }

  private:
    std::vector<void *> pieces_;
};

inline __m512i row_of(const bf16 *x, int64_t left) {  // 32 values, zeros from `left` on
    return _mm512_maskz_loadu_epi16(left >= 32 ? ~0u : left <= 0 ? 0 : (1u << left) - 1, x);
}

// Rows as columns of strips (16 each), along D.
void pack_strips(const bf16 *x, int64_t line, int64_t count, const Shape &s, bf16 *to) {
    for (int64_t strip = 0; strip < up(count, 32) / 16; ++strip)
        for (int tile = 0; tile < s.depth(); ++tile) {
            __m512i rows[16];
            for (int64_t i = 0; i < 16; ++i)
                rows[i] = strip * 16 + i < count ? row_of(x + (strip * 16 + i) * line + tile * 32, s.size - tile * 32)
                                                 : _mm512_setzero_si512();
            transpose(rows);
            store_tile(to + (strip * s.depth() + tile) * TILE, rows);
        }
}

// D as columns, along rows: 32 rows after 32.
void pack_pairs(const bf16 *x, int64_t line, int64_t count, const Shape &s, bf16 *to) {
    for (int64_t tile = 0; tile < up(count, 32) / 32; ++tile)
        for (int block = 0; block < s.blocks(); ++block) {
            __m512i rows[16];
            weave(x + tile * 32 * line + block * 16, line, count - tile * 32, rows);
            store_tile(to + (tile * s.blocks() + block) * TILE, rows);
        }
}

// 32 rows as the left operand along D: two tiles of 16 rows for each of its tiles; missing rows are 0.
void lay_rows(const bf16 *x, int64_t line, int64_t count, const Shape &s, bf16 *to) {
    for (int tile = 0; tile < s.depth(); ++tile)
        for (int64_t i = 0; i < 32; ++i)
            _mm512_store_si512(to + (tile * 2 + i / 16) * TILE + i % 16 * 32,
                               i < count ? row_of(x + i * line + tile * 32, s.size - tile * 32) : _mm512_setzero_si512());
}

// to (32 × 32 a time, `width` a row) = laid rows times strips [0, columns / 16).
void score(const bf16 *rows, const bf16 *strips, int64_t columns, const Shape &s, float *to, int64_t width) {
    TILES;
    const int64_t step = s.depth() * TILE;
    for (int64_t column = 0; column < columns; column += 32) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
        const bf16 *strip = strips + column / 16 * step;
        for (int k = 0; k < s.depth(); ++k) {
            TILE_LOAD(4, rows + k * 2 * TILE, 64);
            TILE_LOAD(5, rows + (k * 2 + 1) * TILE, 64);
            TILE_LOAD(6, strip + k * TILE, 64);
            TILE_LOAD(7, strip + step + k * TILE, 64);
            TILE_DOT(0, 4, 6);
            TILE_DOT(1, 4, 7);
            TILE_DOT(2, 5, 6);
            TILE_DOT(3, 5, 7);
        }
        TILE_STORE(0, to + column, width * 4);
        TILE_STORE(1, to + column + 16, width * 4);
        TILE_STORE(2, to + 16 * width + column, width * 4);
        TILE_STORE(3, to + 16 * width + column + 16, width * 4);
    }
}

// to (32 × D, padded line) += weights (32 × keys, `width` a row) times pairs; a prompt's keys, then a segment's own.
void combine(const bf16 *weights, int64_t width, const bf16 *prefix, int64_t prefix_keys, const bf16 *own, int64_t own_keys,
             const Shape &s, float *to) {
    TILES;
    const int64_t line = s.blocks() * 16;
    for (int block = 0; block < s.blocks(); ++block) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        for (int64_t key = 0; key < prefix_keys + own_keys; key += 32) {
            const bf16 *pairs = key < prefix_keys ? prefix + key / 32 * s.blocks() * TILE
                                                  : own + (key - prefix_keys) / 32 * s.blocks() * TILE;
            TILE_LOAD(4, weights + key, width * 2);
            TILE_LOAD(5, weights + 16 * width + key, width * 2);
            TILE_LOAD(6, pairs + block * TILE, 64);
            TILE_DOT(0, 4, 6);
            TILE_DOT(1, 5, 6);
        }
        TILE_STORE(0, to + block * 16, line * 4);
        TILE_STORE(1, to + 16 * line + block * 16, line * 4);
    }
}

// to (keys × D, padded line) += weights^T (32 rows × keys) times pairs of the 32 rows.
void spread(const bf16 *weights, int64_t width, int64_t keys, const bf16 *pairs, const Shape &s, float *to) {
    TILES;
    const int64_t line = s.blocks() * 16;
    alignas(64) bf16 turned[2 * TILE];
    for (int64_t key = 0; key < keys; key += 32) {
        for (int half = 0; half < 2; ++half) {
            __m512i rows[16];
            weave(weights + key + half * 16, width, 32, rows);
            transpose(rows);
            store_tile(turned + half * TILE, rows);
        }
        TILE_LOAD(4, turned, 64);
        TILE_LOAD(5, turned + TILE, 64);
        for (int block = 0; block < s.blocks(); ++block) {
            float *at = to + key * line + block * 16;
            TILE_LOAD(6, pairs + block * TILE, 64);
            TILE_LOAD(0, at, line * 4);
            TILE_LOAD(1, at + 16 * line, line * 4);
            TILE_DOT(0, 4, 6);
            TILE_DOT(1, 5, 6);
            TILE_STORE(0, at, line * 4);
            TILE_STORE(1, at + 16 * line, line * 4);
        }
    }
}

// How many of the 16 columns from `column` on a query sees: those before `end`.
inline __mmask16 seen(int64_t column, int64_t end) {
    const int64_t left = end - column;
    return left >= 16 ? 0xffff : left <= 0 ? 0 : (1 << left) - 1;
}

// Columns of one query's scores: its prompt's, padded, then its segment's own.
struct Columns {
    int64_t prefix, padded_prefix, own_end, width;

    __mmask16 at(int64_t column) const {
        return column < padded_prefix ? seen(column, prefix) : seen(column - padded_prefix, own_end);
    }
};

struct Group {
    int64_t first, count;  // segments; the first is the prompt
};

struct Segment {
    int64_t start, length;
};

// Keys and values of a prompt or of another segment, packed.
struct Packed {
    bf16 *key_strips, *key_pairs, *value_strips, *value_pairs;

    Packed(Buffer &buffer, int64_t count, const Shape &s, bool backward) {
        const int64_t strips = up(count, 32) / 16 * s.depth() * TILE, pairs = up(count, 32) / 32 * s.blocks() * TILE;
        key_strips = buffer.take<bf16>(strips);
        value_pairs = backward ? nullptr : buffer.take<bf16>(pairs);
        key_pairs = backward ? buffer.take<bf16>(pairs) : nullptr;
        value_strips = backward ? buffer.take<bf16>(strips) : nullptr;
    }
    void fill(const bf16 *keys, const bf16 *values, int64_t count, const Shape &s) const {
        pack_strips(keys, s.line(), count, s, key_strips);
        if (value_pairs) pack_pairs(values, s.line(), count, s, value_pairs);
        if (key_pairs) pack_pairs(keys, s.line(), count, s, key_pairs);
        if (value_strips) pack_strips(values, s.line(), count, s, value_strips);
    }
};

class Unit {
  public:
    Unit(const Shape &s, const bf16 *qkv, const Segment *segments, const Group &group, int kv_head, bool backward)
        : s(s), qkv(qkv), segments(segments + group.first), count(group.count), kv_head(kv_head),
          prompt(this->segments[0].length), longest(longest_of(this->segments, count)),
          width(up(prompt, 32) + up(longest, 32)), prompt_part(buffer, prompt, s, backward),
          own_part(buffer, longest, s, backward), rows(buffer.take<bf16>(s.depth() * 2 * TILE)),
          scores(buffer.take<float>(ROWS * width)), weights(buffer.take<bf16>(ROWS * width)),
          result(buffer.take<float>(ROWS * s.blocks() * 16)) {
        prompt_part.fill(keys(0), values(0), prompt, s);
    }

    // out: T × H D; normalisers: T × H.
    void forward(bf16 *out, float *normalisers) {
        for (int64_t number = 0; number < count; ++number) {
            const Segment &segment = segments[number];
            const Packed &own = enter(number);
            for (int64_t first = 0; first < segment.length; first += ROWS)
                for (int r = 0; r < s.repeats(); ++r) {
                    const int64_t head = kv_head * s.repeats() + r, here = std::min<int64_t>(ROWS, segment.length - first);
                    const Columns shape = score_rows(number, own, first, here, head);
                    for (int64_t row = 0; row < here; ++row)
                        normalisers[(segment.start + first + row) * s.heads + head] = soften(row, shape, first);
                    combine(weights, width, prompt_part.value_pairs, shape.padded_prefix, own.value_pairs,
                            shape.width - shape.padded_prefix, s, result);
                    for (int64_t row = 0; row < here; ++row)
                        write(result + row * s.blocks() * 16, out + ((segment.start + first + row) * s.heads + head) * s.size);
                }
        }
    }

    // dout: T × H D; dqkv: as qkv.
    void backward(const bf16 *dout, const float *normalisers, bf16 *dqkv) {
        const int64_t line = s.blocks() * 16;
        float *dprompt_keys = buffer.take<float>(up(prompt, 32) * line), *dprompt_values = buffer.take<float>(up(prompt, 32) * line);
        float *down_keys = buffer.take<float>(up(longest, 32) * line), *down_values = buffer.take<float>(up(longest, 32) * line);
        float *dweights = buffer.take<float>(ROWS * width);
        bf16 *dscores = buffer.take<bf16>(ROWS * width), *grads = buffer.take<bf16>(s.depth() * 2 * TILE);
        bf16 *query_pairs = buffer.take<bf16>(s.blocks() * TILE), *grad_pairs = buffer.take<bf16>(s.blocks() * TILE);
        // The prompt comes last: its keys gather from all completions first.
        for (int64_t number = count - 1; number >= 0; --number) {
            const Segment &segment = segments[number];
            const Packed &own = enter(number);
            float *dkeys = number ? down_keys : dprompt_keys, *dvalues = number ? down_values : dprompt_values;
            if (number) {
                std::memset(down_keys, 0, up(segment.length, 32) * line * sizeof(float));
                std::memset(down_values, 0, up(segment.length, 32) * line * sizeof(float));
            }
            for (int64_t first = 0; first < segment.length; first += ROWS)
                for (int r = 0; r < s.repeats(); ++r) {
                    const int64_t head = kv_head * s.repeats() + r, here = std::min<int64_t>(ROWS, segment.length - first);
                    const int64_t token = segment.start + first;
                    const Columns shape = score_rows(number, own, first, here, head);
                    const bf16 *grad = dout + (token * s.heads + head) * s.size;
                    lay_rows(grad, s.heads * s.size, here, s, grads);
                    score(grads, prompt_part.value_strips, shape.padded_prefix, s, dweights, width);
                    score(grads, own.value_strips, shape.width - shape.padded_prefix, s, dweights + shape.padded_prefix, width);
                    for (int64_t row = 0; row < ROWS; ++row)
                        differentiate(row, row < here ? shape_of(shape, first + row) : Columns{0, shape.padded_prefix, 0, shape.width},
                                      row < here ? normalisers[(token + row) * s.heads + head] : 0, dweights, dscores);
                    combine(dscores, width, prompt_part.key_pairs, shape.padded_prefix, own.key_pairs,
                            shape.width - shape.padded_prefix, s, result);
                    for (int64_t row = 0; row < here; ++row)
                        write(result + row * line, dqkv + (token + row) * s.line() + head * s.size);
                    pack_pairs(qkv + token * s.line() + head * s.size, s.line(), here, s, query_pairs);
                    pack_pairs(grad, s.heads * s.size, here, s, grad_pairs);
                    spread(dscores, width, shape.padded_prefix, query_pairs, s, dprompt_keys);
                    spread(weights, width, shape.padded_prefix, grad_pairs, s, dprompt_values);
                    spread(dscores + shape.padded_prefix, width, shape.width - shape.padded_prefix, query_pairs, s, dkeys);
                    spread(weights + shape.padded_prefix, width, shape.width - shape.padded_prefix, grad_pairs, s, dvalues);
                }
            for (int64_t row = 0; row < segment.length; ++row) {
                bf16 *to = dqkv + (segment.start + row) * s.line() + (s.heads + kv_head) * s.size;
                write(dkeys + row * line, to);
                write(dvalues + row * line, to + s.kv_heads * s.size);
            }
        }
    }

  private:
    const Shape &s;
    const bf16 *qkv;
    const Segment *segments;
    const int64_t count;
    const int kv_head;
    const int64_t prompt, longest, width;
    Buffer buffer;
    const Packed prompt_part, own_part;
    bf16 *rows;
    float *scores;
    bf16 *weights;
    float *result;

    static int64_t longest_of(const Segment *segments, int64_t count) {
        int64_t longest = 0;
        for (int64_t i = 0; i < count; ++i) longest = std::max(longest, segments[i].length);
        return longest;
    }

    const bf16 *keys(int64_t number) const { return qkv + segments[number].start * s.line() + (s.heads + kv_head) * s.size; }
    const bf16 *values(int64_t number) const { return keys(number) + s.kv_heads * s.size; }

    // The prompt's own keys are its own part; a completion's are packed when its turn comes.
    const Packed &enter(int64_t number) const {
        if (number == 0) return prompt_part;
        own_part.fill(keys(number), values(number), segments[number].length, s);
        return own_part;
    }

    static Columns shape_of(const Columns &shape, int64_t row) {
        return Columns{shape.prefix, shape.padded_prefix, row + 1, shape.width};
    }

    // Scores, not scaled, of up to 32 queries of a head with everything that the last of them sees.
    Columns score_rows(int64_t number, const Packed &own, int64_t first, int64_t here, int64_t head) const {
        const int64_t prefix = number ? prompt : 0, own_width = up(first + here, 32);
        lay_rows(qkv + (segments[number].start + first) * s.line() + head * s.size, s.line(), here, s, rows);
        if (prefix) score(rows, prompt_part.key_strips, up(prefix, 32), s, scores, width);
        score(rows, own.key_strips, own_width, s, scores + up(prefix, 32), width);
        return Columns{prefix, up(prefix, 32), 0, up(prefix, 32) + own_width};
    }

    // Turns a row of scores into weights that sum to 1, in bfloat16; returns the log normaliser of the scaled scores.
    float soften(int64_t row, const Columns &all, int64_t first) const {
        const Columns shape = shape_of(all, first + row);
        float *from = scores + row * width;
        const __m512 none = _mm512_set1_ps(-INFINITY), scale = _mm512_set1_ps(float(s.scale));
        __m512 highest = none;
        for (int64_t i = 0; i < shape.width; i += 16) {
            const __m512 v = _mm512_mask_mul_ps(none, shape.at(i), _mm512_loadu_ps(from + i), scale);
            _mm512_storeu_ps(from + i, v);
            highest = _mm512_max_ps(highest, v);
        }
        const float top = _mm512_reduce_max_ps(highest);
        __m512 sum = _mm512_setzero_ps();
        for (int64_t i = 0; i < shape.width; i += 16) {
            const __m512 v = exp_ps(_mm512_sub_ps(_mm512_loadu_ps(from + i), _mm512_set1_ps(top)));
            _mm512_storeu_ps(from + i, v);
            sum = _mm512_add_ps(sum, v);
        }
        const float total = _mm512_reduce_add_ps(sum);
        const __m512 share = _mm512_set1_ps(1 / total);
        for (int64_t i = 0; i < shape.width; i += 16)
            store_bf16(weights + row * width + i, _mm512_mul_ps(_mm512_loadu_ps(from + i), share));
        return top + std::log(total);
    }

    // Weights again, and the gradient of the scores from that of the weights.
    void differentiate(int64_t row, const Columns &shape, float normaliser, float *dweights, bf16 *dscores) const {
        float *from = scores + row * width, *d = dweights + row * width;
        const __m512 scale = _mm512_set1_ps(float(s.scale));
        __m512 along = _mm512_setzero_ps();
        for (int64_t i = 0; i < shape.width; i += 16) {
            const __m512 power = _mm512_fmsub_ps(_mm512_loadu_ps(from + i), scale, _mm512_set1_ps(normaliser));
            const __m512 v = _mm512_maskz_mov_ps(shape.at(i), exp_ps(power));
            _mm512_storeu_ps(from + i, v);
            store_bf16(weights + row * width + i, v);
            along = _mm512_mask3_fmadd_ps(v, _mm512_loadu_ps(d + i), along, shape.at(i));
        }
        const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(along));
        for (int64_t i = 0; i < shape.width; i += 16) {
            const __m512 difference = _mm512_maskz_sub_ps(shape.at(i), _mm512_loadu_ps(d + i), mean);
            store_bf16(dscores + row * width + i, _mm512_mul_ps(_mm512_mul_ps(difference, _mm512_loadu_ps(from + i)), scale));
        }
    }

    void write(const float *from, bf16 *to) const {
        for (int64_t i = 0; i < s.size; i += 16) store_bf16(to + i, _mm512_loadu_ps(from + i));
    }
};

template <class Work> void for_all_units(int64_t groups, int64_t kv_heads, const Work &work) {
#pragma omp parallel
    {
        TILES_BEGIN;
#pragma omp for schedule(dynamic)
        for (int64_t unit = 0; unit < groups * kv_heads; ++unit) work(unit / kv_heads, unit % kv_heads);
        TILES_END;
    }
}

}  // namespace

extern "C" {

// segments: pairs (start, length) of all groups; groups: pairs (first segment, segments).
void sleuth_attention(const bf16 *qkv, const int64_t *segments, const int64_t *groups, int64_t group_count, int64_t heads,
                      int64_t kv_heads, int64_t size, double scale, bf16 *out, float *normalisers) {
    const Shape shape{heads, kv_heads, size, scale};
    for_all_units(group_count, kv_heads, [&](int64_t group, int64_t kv_head) {
        Unit(shape, qkv, (const Segment *)segments, ((const Group *)groups)[group], kv_head, false).forward(out, normalisers);
    });
}

void sleuth_attention_backward(const bf16 *qkv, const int64_t *segments, const int64_t *groups, int64_t group_count,
                               int64_t heads, int64_t kv_heads, int64_t size, double scale, const float *normalisers,
                               const bf16 *dout, bf16 *dqkv) {
    const Shape shape{heads, kv_heads, size, scale};
    for_all_units(group_count, kv_heads, [&](int64_t group, int64_t kv_head) {
        Unit(shape, qkv, (const Segment *)segments, ((const Group *)groups)[group], kv_head, true).backward(dout, normalisers, dqkv);
    });
}
}
