// One forward pass of a Llama-like model in bfloat16 on processors with AMX (Advanced Matrix Extensions): the
// arithmetic of `sleuth.policy.native`, which lays out its arguments.
//
// When few tokens go through a model at a time, its weights are read from memory for each of them, and everything
// else should hide behind that. So weights lie in memory in the order in which they are used, one parallel region runs
// through all layers, and what passes between two products stays in the caches: the sum of the residual stream in
// float32, the operands of products in bfloat16.
//
// A row's result does not depend on the rows beside it: sums run in the same order whatever the batch.
//
// Words: a *tile* is the unit of AMX, 16 × 64 bytes. *Packed*: an N × K matrix as strips of 16 columns n, each a row of
// tiles along K; a tile's row i holds for each n the pair k = 2 i, 2 i + 1. *Tiled*: M × K activations as tiles of 16
// rows by 32 values. Keys of P tokens are packed with N = P, K = D; values with N = D, K = P, the tiles of 32 tokens one
// after the other, so that both grow at their end. Sizes of the model are multiples of 16.

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>

#include <omp.h>

#include "tiles.h"
#include "vector.h"

namespace {

constexpr int LARGEST_HEAD = 512;
constexpr int AHEAD = 4;  // tiles: how far before their use weights are asked for

}  // namespace

extern "C" {

struct Layer {
    const float *norm, *mlp_norm;                    // E
    const float *after_attention, *after_mlp;        // E, or null: norms of what is added to the residual stream
    const float *q_norm, *k_norm;                    // D, or null
    const float *qkv_bias;                           // (H + 2 K) D, or null
    const float *cos, *sin;                          // positions × D / 2, or null: no rotation in this layer
    const bf16 *qkv, *out, *gate_up, *down;          // packed; gate and up alternate by 16 columns
    int64_t window;                                  // tokens that a query sees, itself included; 0: all
};

struct Model {
    int64_t layers, hidden, heads, kv_heads, head_size, intermediate, vocabulary;
    int64_t gelu;                                    // 0: SiLU
    double epsilon, scale, embedding_scale;
    const Layer *layer;
    const bf16 *embedding;                           // V × E, not packed
    const float *norm;                               // E
    const bf16 *head;                                // packed
};

// At most 16 rows that lie side by side and continue the same prompt. In a prompt's own pass it is the prompt itself, and every
// row sees the tokens up to its own.
struct Block {
    int64_t first, count, prefix_tokens;
    const bf16 *keys, *values;                       // all layers of the prefix
};

struct Batch {
    int64_t rows, blocks;
    const int32_t *tokens, *positions;               // of each row
    const int32_t *logits_row;                       // where a row's logits go; -1: nowhere
    const int32_t *place;                            // of its key and value among its own tokens
    bf16 *const *keys, *const *values;               // a row's own tokens, all layers
    int64_t own_capacity, prefix_capacity;           // tokens, multiples of 32
    int64_t prompt;                                  // 1: rows are the tokens of one prompt
    const Block *block;
    float *logits;                                   // as many rows as are wanted × V
};
}

namespace {

// Threads meet here several times a layer, too often for the operating system.
class Meeting {
  public:
    explicit Meeting(int threads) : threads_(threads), arrived_(0), round_(0) {}
    void wait() {
        const int round = round_.load(std::memory_order_relaxed);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) == threads_ - 1) {
            arrived_.store(0, std::memory_order_relaxed);
            round_.store(round + 1, std::memory_order_release);
            return;
        }
        for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
            if (spins < 4000) _mm_pause();
            else sched_yield();  // another process may hold the core that the last one needs
        }
    }

  private:
    const int threads_;
    std::atomic<int> arrived_, round_;
};

// What to ask of memory while something else is computed: `lines` lines of 64 bytes a step, of each of two strips.
struct Ahead {
    const bf16 *from;
    int lines;
};

// c[strip][row tile], 16 × 16 sums each, with room for two of either = R row tiles of X, of which `rows` rows matter,
// times S strips of packed weights; `step` values from one row tile, or strip, to the next.
#ifdef __AMX_BF16__
template <int R, int S>
inline void product(const bf16 *x, int, const bf16 *w, int64_t step, int k_tiles, const Ahead &ahead, float *c) {
    TILES;
    TILE_ZERO(0);
    if (S > 1) TILE_ZERO(1);
    if (R > 1) TILE_ZERO(2);
    if (R > 1 && S > 1) TILE_ZERO(3);
    const char *next = (const char *)ahead.from;
    for (int k = 0; k < k_tiles; ++k) {
        for (int line = 0; line < ahead.lines; ++line, next += 64) {
            _mm_prefetch(next, _MM_HINT_T0);
            _mm_prefetch(next + step * 2, _MM_HINT_T0);
        }
        TILE_LOAD(4, x + k * TILE, 64);
        TILE_LOAD(6, w + k * TILE, 64);
        TILE_DOT(0, 4, 6);
        if (S > 1) {
            TILE_LOAD(7, w + step + k * TILE, 64);
            TILE_DOT(1, 4, 7);
        }
        if (R > 1) {
            TILE_LOAD(5, x + step + k * TILE, 64);
            TILE_DOT(2, 5, 6);
            if (S > 1) TILE_DOT(3, 5, 7);
        }
    }
    TILE_STORE(0, c, 64);
    if (S > 1) TILE_STORE(1, c + 512, 64);
    if (R > 1) TILE_STORE(2, c + 256, 64);
    if (R > 1 && S > 1) TILE_STORE(3, c + 768, 64);
}
#else
// So many rows, from `first` on, that their sums stay in registers.
template <int ROWS, int S>
inline void few_rows(const bf16 *x, int first, const bf16 *w, int64_t step, int k_tiles, const Ahead &ahead, float *c) {
    __m512 sum[ROWS][S];
    for (int row = 0; row < ROWS; ++row)
        for (int strip = 0; strip < S; ++strip) sum[row][strip] = _mm512_setzero_ps();
    const char *next = (const char *)ahead.from;
    const bf16 *from = x + first / 16 * step + first % 16 * 32;
    for (int k = 0; k < k_tiles; ++k, from += TILE, w += TILE) {
        for (int line = 0; line < ahead.lines; ++line, next += 64) {
            _mm_prefetch(next, _MM_HINT_T0);
            _mm_prefetch(next + step * 2, _MM_HINT_T0);
        }
        for (int pair = 0; pair < 16; ++pair) {
            __m512bh columns[S];
            for (int strip = 0; strip < S; ++strip)
                columns[strip] = (__m512bh)_mm512_load_si512(w + strip * step + pair * 32);
#pragma GCC unroll 8
            for (int row = 0; row < ROWS; ++row) {
                int32_t both;
                std::memcpy(&both, from + row * 32 + pair * 2, 4);
                const __m512bh value = (__m512bh)_mm512_set1_epi32(both);
                for (int strip = 0; strip < S; ++strip)
                    sum[row][strip] = _mm512_dpbf16_ps(sum[row][strip], value, columns[strip]);
            }
        }
    }
    for (int row = 0; row < ROWS; ++row)
        for (int strip = 0; strip < S; ++strip)
            _mm512_store_ps(c + strip * 512 + (first + row) * 16, sum[row][strip]);
}

template <int R, int S>
inline void product(const bf16 *x, int rows, const bf16 *w, int64_t step, int k_tiles, const Ahead &ahead, float *c) {
    for (int first = 0; first < rows; first += 8) {
        const Ahead asked = first ? Ahead{nullptr, 0} : ahead;
        const int left = rows - first;
        if (left > 4) few_rows<8, S>(x, first, w, step, k_tiles, asked, c);
        else if (left > 2) few_rows<4, S>(x, first, w, step, k_tiles, asked, c);
        else if (left > 1) few_rows<2, S>(x, first, w, step, k_tiles, asked, c);
        else few_rows<1, S>(x, first, w, step, k_tiles, asked, c);
    }
}
#endif

// Strips [begin, end) of X W^T, X tiled (rows × 32 k_tiles), W packed. `take(strip, row, sums, next sums)` is called for
// each row and pair of strips with 16 sums of each; there is no next one (null) behind the last.
template <class Take>
inline void multiply(const bf16 *x, int rows, const bf16 *w, int k_tiles, int begin, int end, const Take &take) {
    alignas(64) float c[4 * 256];
    const int64_t step = int64_t(k_tiles) * TILE;
    const int passes = (rows + 31) / 32, share = (16 + passes - 1) / passes;
    for (int strip = begin; strip < end; strip += 2) {
        const int strips = std::min(2, end - strip);
        const bf16 *here = w + strip * step;
        for (int pass = 0; pass < passes; ++pass) {
            const int count = std::min(32, rows - pass * 32);
            const bf16 *part = x + pass * 2 * step;
            // The processor's own guess at what comes next is late. With one pass over the strips memory sets the pace,
            // and what is needed soon is asked for; with several, each asks for a share of the next strips.
            const Ahead ahead = passes == 1 ? Ahead{here + AHEAD * TILE, 16}
                                            : Ahead{here + 2 * step + int64_t(pass) * share * 32 * k_tiles, share};
            if (strips > 1 && count > 16) product<2, 2>(part, count, here, step, k_tiles, ahead, c);
            else if (strips > 1) product<1, 2>(part, count, here, step, k_tiles, ahead, c);
            else if (count > 16) product<2, 1>(part, count, here, step, k_tiles, ahead, c);
            else product<1, 1>(part, count, here, step, k_tiles, ahead, c);
            for (int row = 0; row < count; ++row)
                take(strip, pass * 32 + row, c + row * 16, strips > 1 ? c + 512 + row * 16 : nullptr);
        }
    }
}

// Writes sums, and a bias added to them where there is one, as rows of float32.
struct ToRows {
    float *y;
    int64_t width;
    const float *bias;

    void operator()(int strip, int row, const float *sums, const float *next) const {
        write(row, strip * 16, sums);
        if (next) write(row, strip * 16 + 16, next);
    }
    void write(int row, int column, const float *sums) const {
        __m512 v = _mm512_load_ps(sums);
        if (bias) v = _mm512_add_ps(v, _mm512_loadu_ps(bias + column));
        _mm512_storeu_ps(y + row * width + column, v);
    }
};

inline bf16 *tiled(bf16 *x, int row, int column, int k_tiles) {
    return x + (int64_t(row / 16) * k_tiles + column / 32) * TILE + row % 16 * 32 + column % 32;
}

inline float root_mean_square(const float *x, int n, double epsilon) {
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < n; i += 16) sum = _mm512_fmadd_ps(_mm512_loadu_ps(x + i), _mm512_loadu_ps(x + i), sum);
    return 1.f / std::sqrt(_mm512_reduce_add_ps(sum) / n + float(epsilon));
}

// x += y, or the normed y where there is a weight.
inline void add_row(float *x, const float *y, const float *weight, int n, double epsilon) {
    const __m512 factor = _mm512_set1_ps(weight ? root_mean_square(y, n, epsilon) : 1.f);
    for (int i = 0; i < n; i += 16) {
        __m512 v = _mm512_loadu_ps(y + i);
        if (weight) v = _mm512_mul_ps(_mm512_mul_ps(v, factor), _mm512_loadu_ps(weight + i));
        _mm512_storeu_ps(x + i, _mm512_add_ps(_mm512_loadu_ps(x + i), v));
    }
}

// A normed row as bfloat16, tiled.
inline void norm_row(const float *x, const float *weight, int hidden, double epsilon, bf16 *to, int row, int k_tiles) {
    const __m512 factor = _mm512_set1_ps(root_mean_square(x, hidden, epsilon));
    for (int i = 0; i < hidden; i += 16) {
        const __m512 v = _mm512_mul_ps(_mm512_loadu_ps(x + i), factor);
        store_bf16(tiled(to, row, i, k_tiles), _mm512_mul_ps(v, _mm512_loadu_ps(weight + i)));
    }
}

// A head's query or key: normed where there is a norm, rotated where there is a rotation, as bfloat16.
inline void turn(float *x, const float *norm, const float *cos, const float *sin, int size, double epsilon, bf16 *to) {
    const int half = size / 2;
    if (norm) {
        const __m512 factor = _mm512_set1_ps(root_mean_square(x, size, epsilon));
        for (int i = 0; i < size; i += 16) {
            const __m512 v = _mm512_mul_ps(_mm512_loadu_ps(x + i), factor);
            _mm512_storeu_ps(x + i, _mm512_mul_ps(v, _mm512_loadu_ps(norm + i)));
        }
    }
    for (int i = 0; cos && i < half; i += 16) {
        const __mmask16 real = half - i >= 16 ? 0xffff : (1 << (half - i)) - 1;
        const __m512 a = _mm512_maskz_loadu_ps(real, x + i), b = _mm512_maskz_loadu_ps(real, x + half + i);
        const __m512 c = _mm512_maskz_loadu_ps(real, cos + i), s = _mm512_maskz_loadu_ps(real, sin + i);
        _mm512_mask_storeu_ps(x + i, real, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
        _mm512_mask_storeu_ps(x + half + i, real, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
    }
    for (int i = 0; i < size; i += 16) store_bf16(to + i, _mm512_loadu_ps(x + i));
}

// Scores of C queries (bfloat16, pairs) with tokens [0, end): scores + c * step.
template <int C>
inline void own_scores(const bf16 *const *q, const bf16 *keys, int tokens, int d_tiles, float *const *scores) {
    for (int block = 0; block * 16 < tokens; ++block) {
        __m512 sum[C];
        for (int c = 0; c < C; ++c) sum[c] = _mm512_setzero_ps();
        for (int pair = 0; pair < d_tiles * 16; ++pair) {
            const __m512bh k = (__m512bh)_mm512_loadu_si512(keys + int64_t(block) * d_tiles * TILE + pair * 32);
            for (int c = 0; c < C; ++c)
                sum[c] = _mm512_dpbf16_ps(sum[c], k, (__m512bh)_mm512_set1_epi32(((const int32_t *)q[c])[pair]));
        }
        for (int c = 0; c < C; ++c) _mm512_storeu_ps(scores[c] + block * 16, sum[c]);
    }
}

template <int C>
inline void own_values(const bf16 *const *p, const bf16 *values, int tokens, int d_blocks, float *const *to) {
    for (int block = 0; block < d_blocks; ++block) {
        __m512 sum[C];
        for (int c = 0; c < C; ++c) sum[c] = _mm512_loadu_ps(to[c] + block * 16);
        for (int pair = 0; pair * 2 < tokens; ++pair) {
            const bf16 *tile = values + (int64_t(pair / 16) * d_blocks + block) * TILE;
            const __m512bh v = (__m512bh)_mm512_loadu_si512(tile + pair % 16 * 32);
            for (int c = 0; c < C; ++c)
                sum[c] = _mm512_dpbf16_ps(sum[c], v, (__m512bh)_mm512_set1_epi32(((const int32_t *)p[c])[pair]));
        }
        for (int c = 0; c < C; ++c) _mm512_storeu_ps(to[c] + block * 16, sum[c]);
    }
}

// The highest score in columns [begin, end) of `width` (a multiple of 16); the others become minus infinity.
inline float highest_seen(float *scores, int width, int begin, int end) {
    const __m512 none = _mm512_set1_ps(-INFINITY);
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512 top = none;
    for (int i = 0; i < width; i += 16) {
        __m512 s = _mm512_loadu_ps(scores + i);
        if (i < begin || i + 16 > end) {
            const __m512i column = _mm512_add_epi32(_mm512_set1_epi32(i), lanes);
            const __mmask16 seen = _mm512_cmp_epi32_mask(column, _mm512_set1_epi32(begin), _MM_CMPINT_NLT) &
                                   _mm512_cmp_epi32_mask(column, _mm512_set1_epi32(end), _MM_CMPINT_LT);
            s = _mm512_mask_mov_ps(none, seen, s);
            _mm512_storeu_ps(scores + i, s);
        }
        top = _mm512_max_ps(top, s);
    }
    return _mm512_reduce_max_ps(top);
}

// e^(scale (score - top)) as bfloat16; the vector of columns 16 i goes to `to` + 512 (i / 2) + 16 (i % 2) when `tiles`,
// else to `to` + 16 i. Returns their sum.
template <bool tiles> inline float weigh(const float *scores, int width, float top, float scale, bf16 *to) {
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < width; i += 16) {
        const __m512 below = _mm512_sub_ps(_mm512_loadu_ps(scores + i), _mm512_set1_ps(top));
        const __m512 weight = exp_ps(_mm512_mul_ps(below, _mm512_set1_ps(scale)));
        store_bf16(to + (tiles ? i / 32 * TILE + i % 32 : i), weight);
        sum = _mm512_add_ps(sum, weight);
    }
    return _mm512_reduce_add_ps(sum);
}

struct Sizes {
    int hidden_tiles, context_tiles, inner_tiles, d_tiles, d_blocks, padded_head, qkv;
    int64_t prefix_keys, prefix_values, own_keys, own_values;  // bfloat16 values a layer and key/value head

    Sizes(const Model &m, int64_t prefix_capacity, int64_t own_capacity) {
        hidden_tiles = up(m.hidden, 32) / 32;
        context_tiles = up(m.heads * m.head_size, 32) / 32;
        inner_tiles = up(m.intermediate, 32) / 32;
        padded_head = up(m.head_size, 32);
        d_tiles = padded_head / 32;
        d_blocks = m.head_size / 16;
        qkv = (m.heads + 2 * m.kv_heads) * m.head_size;
        prefix_keys = prefix_capacity / 16 * d_tiles * TILE;
        prefix_values = prefix_capacity / 32 * d_blocks * TILE;
        own_keys = own_capacity / 16 * d_tiles * TILE;
        own_values = own_capacity / 32 * d_blocks * TILE;
    }
};

// Hands out a buffer in pieces.
class Carver {
  public:
    explicit Carver(char *start) : next_(start), start_(start) {}
    template <class T> T *take(int64_t count) {
        T *piece = (T *)next_;
        next_ += (count * sizeof(T) + 63) / 64 * 64;
        return piece;
    }
    int64_t used() const { return next_ - start_; }

  private:
    char *next_, *start_;
};

struct Scratch {  // of one thread; R query heads share a key/value head
    float *scores;        // 16 × prefix
    float *own_scores;    // 16 × R × own
    float *sums;          // 16 × R
    float *context;       // R × 16 × D
    bf16 *weights;        // 16 × prefix, tiled
    bf16 *own_weights;    // 16 × R × own
};

struct Workspace {
    float *x, *y, *qkv;
    bf16 *normed, *asked, *q, *context, *inner;
    int32_t *logits_row;
    Scratch scratch[64];
    int64_t bytes;

    Workspace(const Model &m, const Sizes &s, int rows, int threads, int64_t prefix_capacity, int64_t own_capacity,
              char *start) {
        Carver carver(start);
        const int repeats = m.heads / m.kv_heads, padded = up(rows, 16) + 16;
        x = carver.take<float>(padded * m.hidden);
        y = carver.take<float>(padded * m.hidden);
        qkv = carver.take<float>(padded * s.qkv);
        normed = carver.take<bf16>(int64_t(padded) * s.hidden_tiles * 32);
        asked = carver.take<bf16>(int64_t(padded) * s.hidden_tiles * 32);
        q = carver.take<bf16>(int64_t(padded) * m.heads * s.padded_head);
        context = carver.take<bf16>(int64_t(padded) * s.context_tiles * 32);
        inner = carver.take<bf16>(int64_t(padded) * s.inner_tiles * 32);
        logits_row = carver.take<int32_t>(rows);
        for (int t = 0; t < threads; ++t) {
            scratch[t].scores = carver.take<float>(16 * prefix_capacity);
            scratch[t].own_scores = carver.take<float>(16 * repeats * own_capacity);
            scratch[t].sums = carver.take<float>(16 * repeats);
            scratch[t].context = carver.take<float>(repeats * 16 * m.head_size);
            scratch[t].weights = carver.take<bf16>(16 * prefix_capacity);
            scratch[t].own_weights = carver.take<bf16>(16 * repeats * own_capacity);
        }
        bytes = carver.used();
    }
};

class Pass {
  public:
    Pass(const Model &m, const Batch &b, int threads, char *workspace)
        : m(m), b(b), s(m, b.prefix_capacity, b.own_capacity), repeats(m.heads / m.kv_heads), threads(threads),
          w(m, s, b.rows, threads, b.prefix_capacity, b.own_capacity, workspace), meeting(threads), task(0) {
        // Operands are padded to tiles; padding of weights is 0, and what it meets must be a number.
        const int64_t padded = up(b.rows, 16) + 16;
        if (m.hidden % 32) std::memset(w.normed, 0, padded * s.hidden_tiles * 64);
        if (m.hidden % 32) std::memset(w.asked, 0, padded * s.hidden_tiles * 64);
        if (m.head_size % 32) std::memset(w.q, 0, padded * m.heads * s.padded_head * 2);
        if (m.heads * m.head_size % 32) std::memset(w.context, 0, padded * s.context_tiles * 64);
        if (m.intermediate % 32) std::memset(w.inner, 0, padded * s.inner_tiles * 64);
    }

    void run(int thread) {
        TILES_BEGIN;
        for (int row = first(b.rows, thread); row < first(b.rows, thread + 1); ++row) {
            const bf16 *embedding = m.embedding + int64_t(b.tokens[row]) * m.hidden;
            float *x = w.x + row * m.hidden;
            for (int i = 0; i < m.hidden; ++i) x[i] = from_bf16(embedding[i]) * float(m.embedding_scale);
            norm_row(x, m.layer[0].norm, m.hidden, m.epsilon, w.normed, row, s.hidden_tiles);
        }
        meeting.wait();
        for (int number = 0; number < m.layers; ++number) layer(number, thread);
        logits(thread);
        TILES_END;
    }

  private:
    const Model &m;
    const Batch &b;
    const Sizes s;
    const int repeats, threads;
    const Workspace w;
    Meeting meeting;
    std::atomic<int> task;
    int wanted = 0;

    int first(int64_t count, int thread) const { return count * thread / threads; }

    void layer(int number, int thread) {
        const Layer &layer = m.layer[number];
        columns(w.normed, b.rows, layer.qkv, s.hidden_tiles, s.qkv, thread, ToRows{w.qkv, s.qkv, layer.qkv_bias});
        meeting.wait();
        if (thread == 0) task.store(0, std::memory_order_relaxed);
        for (int row = first(b.rows, thread); row < first(b.rows, thread + 1); ++row) place_row(number, layer, row);
        meeting.wait();
        const int tasks = b.blocks * m.kv_heads;
        for (int next; (next = task.fetch_add(1, std::memory_order_relaxed)) < tasks;)
            attend(number, layer, b.block[next / m.kv_heads], next % m.kv_heads, w.scratch[thread]);
        meeting.wait();
        columns(w.context, b.rows, layer.out, s.context_tiles, m.hidden, thread, ToRows{w.y, m.hidden, nullptr});
        meeting.wait();
        add_and_norm(layer.after_attention, layer.mlp_norm, thread);
        meeting.wait();
        const auto activated = [&](int strip, int row, const float *gate, const float *other) {
            const __m512 g = activate(_mm512_load_ps(gate), m.gelu);
            store_bf16(tiled(w.inner, row, strip * 8, s.inner_tiles), _mm512_mul_ps(g, _mm512_load_ps(other)));
        };
        const int pairs = m.intermediate / 16;
        multiply(w.normed, b.rows, layer.gate_up, s.hidden_tiles, 2 * first(pairs, thread), 2 * first(pairs, thread + 1),
                 activated);
        meeting.wait();
        columns(w.inner, b.rows, layer.down, s.inner_tiles, m.hidden, thread, ToRows{w.y, m.hidden, nullptr});
        meeting.wait();
        add_and_norm(layer.after_mlp, number + 1 < m.layers ? m.layer[number + 1].norm : m.norm, thread);
        meeting.wait();
    }

    template <class Take>
    void columns(const bf16 *x, int rows, const bf16 *weight, int k_tiles, int width, int thread, const Take &take) const {
        multiply(x, rows, weight, k_tiles, first(width / 16, thread), first(width / 16, thread + 1), take);
    }

    void add_and_norm(const float *after, const float *norm, int thread) const {
        for (int row = first(b.rows, thread); row < first(b.rows, thread + 1); ++row) {
            float *x = w.x + row * m.hidden;
            add_row(x, w.y + int64_t(row) * m.hidden, after, m.hidden, m.epsilon);
            norm_row(x, norm, m.hidden, m.epsilon, w.normed, row, s.hidden_tiles);
        }
    }

    // Norms and rotates a row's queries and keys, and puts its key and value where they belong.
    void place_row(int number, const Layer &layer, int row) const {
        const int size = m.head_size, half = size / 2, place = b.place[row];
        float *qkv = w.qkv + int64_t(row) * s.qkv;
        const float *cos = layer.cos ? layer.cos + int64_t(b.positions[row]) * half : nullptr;
        const float *sin = layer.sin ? layer.sin + int64_t(b.positions[row]) * half : nullptr;
        for (int head = 0; head < m.heads; ++head)
            turn(qkv + head * size, layer.q_norm, cos, sin, size, m.epsilon, queries(head, row));
        for (int head = 0; head < m.kv_heads; ++head) {
            bf16 key[LARGEST_HEAD], value[LARGEST_HEAD];
            turn(qkv + (m.heads + head) * size, layer.k_norm, cos, sin, size, m.epsilon, key);
            const float *v = qkv + (m.heads + m.kv_heads + head) * size;
            for (int i = 0; i < size; i += 16) store_bf16(value + i, _mm512_loadu_ps(v + i));
            const int64_t at = int64_t(number) * m.kv_heads + head;
            bf16 *keys = b.keys[row] + at * (b.prompt ? s.prefix_keys : s.own_keys);
            bf16 *values = b.values[row] + at * (b.prompt ? s.prefix_values : s.own_values);
            keys += int64_t(place / 16) * s.d_tiles * TILE + place % 16 * 2;
            values += int64_t(place / 32) * s.d_blocks * TILE + place % 32 / 2 * 32 + place % 2;
            for (int pair = 0; pair < half; ++pair) std::memcpy(keys + pair * 32, key + pair * 2, 4);
            for (int block = 0; block < s.d_blocks; ++block)
                for (int i = 0; i < 16; ++i) values[block * TILE + i * 2] = value[block * 16 + i];
        }
    }

    bf16 *queries(int head, int row) const {
        return w.q + (int64_t(head) * (up(b.rows, 16) + 16) + row) * s.padded_head;
    }

    // The rows of a block and the queries of one key/value head: one softmax over prompt and own tokens.
    void attend(int number, const Layer &layer, const Block &block, int kv_head, const Scratch &t) const {
        const int64_t at = int64_t(number) * m.kv_heads + kv_head;
        const bf16 *keys = block.keys + at * s.prefix_keys, *values = block.values + at * s.prefix_values;
        const int own = b.own_capacity, size = m.head_size;
        // In its own pass, a prompt's row sees nothing behind itself.
        const int tokens = b.prompt ? b.positions[block.first + block.count - 1] + 1 : block.prefix_tokens;
        if (!b.prompt)
            for (int row = 0; row < block.count; ++row)
                score_own(at, kv_head, block.first + row, t.own_scores + row * repeats * own);
        for (int r = 0; r < repeats; ++r) {
            score_prefix(queries(kv_head * repeats + r, block.first), keys, tokens, t.scores);
            for (int row = 0; row < block.count; ++row) {
                const int position = b.positions[block.first + row], seen = b.place[block.first + row] + 1;
                const int begin = layer.window ? std::max<int>(0, position + 1 - layer.window) : 0;
                const int width = up(tokens, 32), own_width = up(seen, 16), cell = row * repeats + r;
                float *scores = t.scores + row * b.prefix_capacity, *own_scores = t.own_scores + cell * own;
                float top = highest_seen(scores, width, begin, b.prompt ? position + 1 : tokens);
                if (!b.prompt) top = std::max(top, highest_seen(own_scores, own_width, begin - tokens, seen));
                t.sums[cell] = weigh<true>(scores, width, top, m.scale, t.weights + row * 32);
                if (!b.prompt)
                    t.sums[cell] += weigh<false>(own_scores, own_width, top, m.scale, t.own_weights + cell * own);
            }
            value_prefix(t.weights, values, tokens, t.context + r * 16 * size);
        }
        for (int row = 0; row < block.count; ++row) {
            float *context = t.context + row * size;
            if (!b.prompt) value_own(at, block.first + row, t.own_weights + row * repeats * own, context);
            for (int r = 0; r < repeats; ++r) {
                const __m512 factor = _mm512_set1_ps(1.f / t.sums[row * repeats + r]);
                const int column = (kv_head * repeats + r) * size;
                for (int i = 0; i < size; i += 16)
                    store_bf16(tiled(w.context, block.first + row, column + i, s.context_tiles),
                               _mm512_mul_ps(_mm512_loadu_ps(context + r * 16 * size + i), factor));
            }
        }
    }

    // 16 queries by all tokens of the prefix, four columns of tiles at a time.
    void score_prefix(const bf16 *q, const bf16 *keys, int tokens, float *scores) const {
        TILES;
        const int64_t step = int64_t(s.d_tiles) * TILE, line = b.prefix_capacity * 4, blocks = up(tokens, 32) / 16;
        for (int64_t block = 0; block < blocks; block += 2) {
            TILE_ZERO(0);
            TILE_ZERO(1);
            for (int k = 0; k < s.d_tiles; ++k) {
                TILE_LOAD(4, q + k * 32, s.padded_head * 2);
                TILE_LOAD(5, keys + block * step + k * TILE, 64);
                TILE_DOT(0, 4, 5);
                TILE_LOAD(6, keys + (block + 1) * step + k * TILE, 64);
                TILE_DOT(1, 4, 6);
            }
            TILE_STORE(0, scores + block * 16, line);
            TILE_STORE(1, scores + block * 16 + 16, line);
        }
    }

    void value_prefix(const bf16 *weights, const bf16 *values, int tokens, float *context) const {
        TILES;
        const int64_t depth = up(tokens, 32) / 32, line = s.d_blocks * 64;
        for (int64_t block = 0; block < s.d_blocks; block += 2) {
            const bool two = block + 1 < s.d_blocks;
            TILE_ZERO(0);
            TILE_ZERO(1);
            for (int64_t k = 0; k < depth; ++k) {
                TILE_LOAD(4, weights + k * TILE, 64);
                TILE_LOAD(5, values + (k * s.d_blocks + block) * TILE, 64);
                TILE_DOT(0, 4, 5);
                if (two) {
                    TILE_LOAD(6, values + (k * s.d_blocks + block + 1) * TILE, 64);
                    TILE_DOT(1, 4, 6);
                }
            }
            TILE_STORE(0, context + block * 16, line);
            if (two) TILE_STORE(1, context + block * 16 + 16, line);
        }
    }

    void score_own(int64_t at, int kv_head, int row, float *scores) const {
        const bf16 *keys = b.keys[row] + at * s.own_keys;
        const int tokens = b.place[row] + 1;
        for (int r = 0; r < repeats; r += 4) {
            const bf16 *q[4];
            float *to[4];
            const int count = std::min(4, repeats - r);
            for (int c = 0; c < count; ++c) {
                q[c] = queries(kv_head * repeats + r + c, row);
                to[c] = scores + (r + c) * b.own_capacity;
            }
            switch (count) {
                case 1: own_scores<1>(q, keys, tokens, s.d_tiles, to); break;
                case 2: own_scores<2>(q, keys, tokens, s.d_tiles, to); break;
                case 3: own_scores<3>(q, keys, tokens, s.d_tiles, to); break;
                default: own_scores<4>(q, keys, tokens, s.d_tiles, to);
            }
        }
    }

    void value_own(int64_t at, int row, const bf16 *weights, float *context) const {
        const bf16 *values = b.values[row] + at * s.own_values;
        const int tokens = b.place[row] + 1;
        for (int r = 0; r < repeats; r += 4) {
            const bf16 *p[4];
            float *to[4];
            const int count = std::min(4, repeats - r);
            for (int c = 0; c < count; ++c) {
                p[c] = weights + (r + c) * b.own_capacity;
                to[c] = context + (r + c) * 16 * m.head_size;
            }
            switch (count) {
                case 1: own_values<1>(p, values, tokens, s.d_blocks, to); break;
                case 2: own_values<2>(p, values, tokens, s.d_blocks, to); break;
                case 3: own_values<3>(p, values, tokens, s.d_blocks, to); break;
                default: own_values<4>(p, values, tokens, s.d_blocks, to);
            }
        }
    }

    void logits(int thread) {
        if (thread == 0) {  // those that are wanted, one below the other
            wanted = 0;
            for (int row = 0; row < b.rows; ++row) {
                if (b.logits_row[row] < 0) continue;
                for (int column = 0; column < m.hidden; column += 32)
                    std::memcpy(tiled(w.asked, wanted, column, s.hidden_tiles),
                                tiled(w.normed, row, column, s.hidden_tiles), 64);
                w.logits_row[wanted++] = b.logits_row[row];
            }
        }
        meeting.wait();
        const auto to_logits = [&](int strip, int row, const float *sums, const float *next) {
            float *to = b.logits + w.logits_row[row] * m.vocabulary + strip * 16;
            const int left = m.vocabulary - strip * 16;
            _mm512_mask_storeu_ps(to, (1 << std::min(16, left)) - 1, _mm512_load_ps(sums));
            if (next) _mm512_mask_storeu_ps(to + 16, (1 << std::min(16, left - 16)) - 1, _mm512_load_ps(next));
        };
        columns(w.asked, wanted, m.head, s.hidden_tiles, up(m.vocabulary, 16), thread, to_logits);
    }
};

}  // namespace

extern "C" {

// 0 when this process may use what the file was built for: AMX has to be asked for.
int sleuth_begin() {
#ifdef __AMX_BF16__
    return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */);
#else
    return 0;
#endif
}

int64_t sleuth_packed(int64_t n, int64_t k) { return int64_t(up(n, 16)) * up(k, 32); }

// N × K bfloat16 values as tiles; `step` strips apart, so that two matrices can alternate.
void sleuth_pack(const bf16 *weight, int64_t n, int64_t k, int64_t step, bf16 *packed) {
    const int64_t k_tiles = up(k, 32) / 32, blocks = up(n, 16) / 16;
#pragma omp parallel for
    for (int64_t block = 0; block < blocks; ++block)
        for (int64_t tile = 0; tile < k_tiles; ++tile) {
            bf16 *to = packed + (block * step * k_tiles + tile) * TILE;
            for (int64_t pair = 0; pair < 16; ++pair)
                for (int64_t column = 0; column < 16; ++column)
                    for (int64_t i = 0; i < 2; ++i) {
                        const int64_t row = block * 16 + column, at = tile * 32 + pair * 2 + i;
                        to[pair * 32 + column * 2 + i] = row < n && at < k ? weight[row * k + at] : 0;
                    }
        }
}

int64_t sleuth_workspace(const Model *m, int64_t rows, int64_t threads, int64_t prefix_capacity, int64_t own_capacity) {
    return Workspace(*m, Sizes(*m, prefix_capacity, own_capacity), rows, threads, prefix_capacity, own_capacity, nullptr).bytes;
}

void sleuth_forward(const Model *m, const Batch *b, int64_t threads, char *workspace) {
    alignas(Pass) char storage[sizeof(Pass)];
    Pass *pass = nullptr;
#pragma omp parallel num_threads(threads)
    {
#pragma omp single
        pass = new (storage) Pass(*m, *b, omp_get_num_threads(), workspace);
        pass->run(omp_get_thread_num());
    }
}
}
