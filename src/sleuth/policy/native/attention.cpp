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

constexpr int ROWS = 32;   // queries taken at a time: a tile's depth when they are summed over
constexpr int KEYS = 256;  // keys taken at a time: what belongs to them stays in the second-level cache

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

// to (32 × 32 a time, KEYS a row) = laid rows times strips [0, columns / 16).
void score(const bf16 *rows, const bf16 *strips, int64_t columns, const Shape &s, float *to) {
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
        TILE_STORE(0, to + column, KEYS * 4);
        TILE_STORE(1, to + column + 16, KEYS * 4);
        TILE_STORE(2, to + 16 * KEYS + column, KEYS * 4);
        TILE_STORE(3, to + 16 * KEYS + column + 16, KEYS * 4);
    }
}

// to (32 × D, padded line) += weights (32 × keys, KEYS a row) times pairs.
void combine(const bf16 *weights, int64_t keys, const bf16 *pairs, const Shape &s, float *to) {
    TILES;
    const int64_t line = s.blocks() * 16;
    for (int block = 0; block < s.blocks(); ++block) {
        TILE_LOAD(0, to + block * 16, line * 4);
        TILE_LOAD(1, to + 16 * line + block * 16, line * 4);
        for (int64_t key = 0; key < keys; key += 32) {
            TILE_LOAD(4, weights + key, KEYS * 2);
            TILE_LOAD(5, weights + 16 * KEYS + key, KEYS * 2);
            TILE_LOAD(6, pairs + (key / 32 * s.blocks() + block) * TILE, 64);
            TILE_DOT(0, 4, 6);
            TILE_DOT(1, 5, 6);
        }
        TILE_STORE(0, to + block * 16, line * 4);
        TILE_STORE(1, to + 16 * line + block * 16, line * 4);
    }
}

// to (keys × D, padded line) += weights^T (32 rows × keys, KEYS a row) times pairs of the 32 rows.
void spread(const bf16 *weights, int64_t keys, const bf16 *pairs, const Shape &s, float *to) {
    TILES;
    const int64_t line = s.blocks() * 16;
    alignas(64) bf16 turned[2 * TILE];
    for (int64_t key = 0; key < keys; key += 32) {
        for (int half = 0; half < 2; ++half) {
            __m512i rows[16];
            weave(weights + key + half * 16, KEYS, 32, rows);
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
          prompt_part(buffer, prompt, s, backward), own_part(buffer, longest, s, backward),
          rows(buffer.take<bf16>(s.depth() * 2 * TILE)), scores(buffer.take<float>(ROWS * KEYS)),
          weights(buffer.take<bf16>(ROWS * KEYS)), result(buffer.take<float>(ROWS * s.blocks() * 16)) {
        prompt_part.fill(keys(0), values(0), prompt, s);
    }

    // out: T × H D; normalisers: T × H.
    void forward(bf16 *out, float *normalisers) {
        const int64_t line = s.blocks() * 16;
        for (int64_t number = 0; number < count; ++number) {
            const Segment &segment = segments[number];
            const Packed &own = enter(number);
            for (int64_t first = 0; first < segment.length; first += ROWS)
                for (int r = 0; r < s.repeats(); ++r) {
                    const int64_t head = kv_head * s.repeats() + r, here = std::min<int64_t>(ROWS, segment.length - first);
                    lay_rows(qkv + (segment.start + first) * s.line() + head * s.size, s.line(), here, s, rows);
                    std::memset(result, 0, ROWS * line * sizeof(float));
                    Softened found[ROWS];
                    if (number) attend(prompt_part, prompt, false, first, here, found);
                    attend(own, segment.length, true, first, here, found);
                    for (int64_t row = 0; row < here; ++row) {
                        const int64_t at = (segment.start + first + row) * s.heads + head;
                        normalisers[at] = found[row].top + std::log(found[row].total);
                        write(result + row * line, out + at * s.size, 1 / found[row].total);
                    }
                }
        }
    }

    // out, dout: T × H D; dqkv: as qkv. Keys are taken in blocks whose gradients stay near while all queries pass.
    void backward(const bf16 *out, const bf16 *dout, const float *normalisers, bf16 *dqkv) {
        const int64_t line = s.blocks() * 16;
        Way way{out, dout, normalisers};
        float *dprompt_keys = buffer.take<float>(up(prompt, 32) * line), *dprompt_values = buffer.take<float>(up(prompt, 32) * line);
        float *down_keys = buffer.take<float>(up(longest, 32) * line), *down_values = buffer.take<float>(up(longest, 32) * line);
        way.dqueries = buffer.take<float>(s.repeats() * up(longest, 32) * line);
        way.along = buffer.take<float>(s.repeats() * up(longest, 32));
        way.dweights = buffer.take<float>(ROWS * KEYS);
        way.dscores = buffer.take<bf16>(ROWS * KEYS);
        way.grads = buffer.take<bf16>(s.depth() * 2 * TILE);
        way.query_pairs = buffer.take<bf16>(s.blocks() * TILE);
        way.grad_pairs = buffer.take<bf16>(s.blocks() * TILE);
        // The prompt comes last: its keys gather from all completions first.
        for (int64_t number = count - 1; number >= 0; --number) {
            const Segment &segment = segments[number];
            const Packed &own = enter(number);
            float *dkeys = number ? down_keys : dprompt_keys, *dvalues = number ? down_values : dprompt_values;
            if (number) {
                std::memset(down_keys, 0, up(segment.length, 32) * line * sizeof(float));
                std::memset(down_values, 0, up(segment.length, 32) * line * sizeof(float));
            }
            std::memset(way.dqueries, 0, s.repeats() * up(segment.length, 32) * line * sizeof(float));
            for (int r = 0; r < s.repeats(); ++r)
                for (int64_t row = 0; row < segment.length; ++row) {
                    const int64_t at = ((segment.start + row) * s.heads + kv_head * s.repeats() + r) * s.size;
                    way.along[r * up(segment.length, 32) + row] = product(out + at, dout + at);
                }
            if (number) absorb(way, segment, prompt_part, prompt, false, dprompt_keys, dprompt_values);
            absorb(way, segment, own, segment.length, true, dkeys, dvalues);
            for (int64_t row = 0; row < segment.length; ++row) {
                bf16 *to = dqkv + (segment.start + row) * s.line();
                for (int r = 0; r < s.repeats(); ++r)
                    write(way.dqueries + (r * up(segment.length, 32) + row) * line, to + (kv_head * s.repeats() + r) * s.size);
                to += (s.heads + kv_head) * s.size;
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
    const int64_t prompt, longest;
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

    // One query's weights so far: the largest of the scaled scores, and the sum of weights of which that one's is 1.
    struct Softened {
        float top = -INFINITY, total = 0;
    };

    // How many keys of a block the row-th of the queries from `first` on sees.
    static int64_t sees(int64_t first, int64_t row, int64_t keys, bool causal, int64_t block) {
        return (causal ? first + row + 1 : keys) - block;
    }

    // Adds to the result what the laid queries, of which `here` are real, get from keys: the prompt's or, causally,
    // their own.
    void attend(const Packed &part, int64_t keys, bool causal, int64_t first, int64_t here, Softened *found) const {
        const int64_t end = causal ? first + here : keys;
        for (int64_t block = 0; block < end; block += KEYS) {
            const int64_t columns = std::min<int64_t>(KEYS, up(end - block, 32));
            score(rows, part.key_strips + block / 16 * s.depth() * TILE, columns, s, scores);
            for (int64_t row = 0; row < here; ++row)
                soften(row, columns, sees(first, row, keys, causal, block), found[row]);
            combine(weights, columns, part.value_pairs + block / 32 * s.blocks() * TILE, s, result);
        }
    }

    // Turns a row of scores into weights, and sets those of the blocks before in proportion.
    void soften(int64_t row, int64_t columns, int64_t sees, Softened &found) const {
        const float *from = scores + row * KEYS;
        const __m512 scale = _mm512_set1_ps(float(s.scale));
        __m512 highest = _mm512_set1_ps(-INFINITY);
        for (int64_t i = 0; i < columns; i += 16)
            highest = _mm512_mask_max_ps(highest, seen(i, sees), highest, _mm512_loadu_ps(from + i));
        const float top = std::max(found.top, _mm512_reduce_max_ps(highest) * float(s.scale));
        if (top > found.top) {
            const float factor = std::exp(found.top - top);
            float *before = result + row * s.blocks() * 16;
            for (int64_t i = 0; i < s.blocks() * 16; i += 16)
                _mm512_storeu_ps(before + i, _mm512_mul_ps(_mm512_loadu_ps(before + i), _mm512_set1_ps(factor)));
            found = {top, found.total * factor};
        }
        __m512 sum = _mm512_setzero_ps();
        for (int64_t i = 0; i < columns; i += 16) {
            const __m512 power = _mm512_fmsub_ps(_mm512_loadu_ps(from + i), scale, _mm512_set1_ps(top));
            const __m512 v = _mm512_maskz_mov_ps(seen(i, sees), exp_ps(power));
            store_bf16(weights + row * KEYS + i, v);
            sum = _mm512_add_ps(sum, v);
        }
        found.total += _mm512_reduce_add_ps(sum);
    }

    // What goes back through a segment.
    struct Way {
        const bf16 *out, *dout;
        const float *normalisers;
        float *dqueries;  // by repeat and row, padded
        float *along;     // of each query: its output times the gradient of it
        float *dweights;
        bf16 *dscores, *grads, *query_pairs, *grad_pairs;
    };

    float product(const bf16 *x, const bf16 *y) const {
        __m512 sum = _mm512_setzero_ps();
        for (int64_t i = 0; i < s.size; i += 16) sum = _mm512_fmadd_ps(load_bf16(x + i), load_bf16(y + i), sum);
        return _mm512_reduce_add_ps(sum);
    }

    // Adds what a segment's queries pass on to keys and values, the prompt's or, causally, their own, and gets from them.
    void absorb(const Way &way, const Segment &segment, const Packed &part, int64_t keys, bool causal, float *dkeys,
                float *dvalues) const {
        const int64_t line = s.blocks() * 16, strip = s.depth() * TILE, pair = s.blocks() * TILE;
        for (int64_t block = 0; block < keys; block += KEYS)
            for (int64_t first = causal ? block : 0; first < segment.length; first += ROWS)
                for (int r = 0; r < s.repeats(); ++r) {
                    const int64_t head = kv_head * s.repeats() + r, here = std::min<int64_t>(ROWS, segment.length - first);
                    const int64_t end = causal ? first + here : keys, columns = std::min<int64_t>(KEYS, up(end - block, 32));
                    const int64_t token = segment.start + first, padded = r * up(segment.length, 32) + first;
                    const bf16 *query = qkv + token * s.line() + head * s.size, *grad = way.dout + (token * s.heads + head) * s.size;
                    lay_rows(query, s.line(), here, s, rows);
                    score(rows, part.key_strips + block / 16 * strip, columns, s, scores);
                    lay_rows(grad, s.heads * s.size, here, s, way.grads);
                    score(way.grads, part.value_strips + block / 16 * strip, columns, s, way.dweights);
                    for (int64_t row = 0; row < ROWS; ++row) {
                        const bool real = row < here;
                        const float normaliser = real ? way.normalisers[(token + row) * s.heads + head] : 0;
                        differentiate(row, columns, real ? sees(first, row, keys, causal, block) : 0, normaliser,
                                      real ? way.along[padded + row] : 0, way);
                    }
                    combine(way.dscores, columns, part.key_pairs + block / 32 * pair, s, way.dqueries + padded * line);
                    pack_pairs(query, s.line(), here, s, way.query_pairs);
                    pack_pairs(grad, s.heads * s.size, here, s, way.grad_pairs);
                    spread(way.dscores, columns, way.query_pairs, s, dkeys + block * line);
                    spread(weights, columns, way.grad_pairs, s, dvalues + block * line);
                }
    }

    // Weights again, and the gradient of the scores from that of the weights.
    void differentiate(int64_t row, int64_t columns, int64_t sees, float normaliser, float along, const Way &way) const {
        const float *from = scores + row * KEYS, *d = way.dweights + row * KEYS;
        const __m512 scale = _mm512_set1_ps(float(s.scale)), less = _mm512_set1_ps(normaliser), mean = _mm512_set1_ps(along);
        for (int64_t i = 0; i < columns; i += 16) {
            const __m512 power = _mm512_fmsub_ps(_mm512_loadu_ps(from + i), scale, less);
            const __m512 v = _mm512_maskz_mov_ps(seen(i, sees), exp_ps(power));
            store_bf16(weights + row * KEYS + i, v);
            const __m512 difference = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(d + i), mean), scale);
            store_bf16(way.dscores + row * KEYS + i, _mm512_mul_ps(v, difference));
        }
    }

    void write(const float *from, bf16 *to, float factor = 1) const {
        for (int64_t i = 0; i < s.size; i += 16)
            store_bf16(to + i, _mm512_mul_ps(_mm512_loadu_ps(from + i), _mm512_set1_ps(factor)));
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
                               const bf16 *out, const bf16 *dout, bf16 *dqkv) {
    const Shape shape{heads, kv_heads, size, scale};
    for_all_units(group_count, kv_heads, [&](int64_t group, int64_t kv_head) {
        Unit(shape, qkv, (const Segment *)segments, ((const Group *)groups)[group], kv_head, true).backward(out, dout, normalisers, dqkv);
    });
}
}
