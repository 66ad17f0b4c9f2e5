/* Layers of gates on a CPU, forward and backward; `lgn_edge/nn/blocks.py` says what the arrays hold.
 *
 * Real-valued signals lie in blocks of 16 samples, `float [block][signal][16]`: a block of a layer of 8,000 signals is
 * 512 KiB, so the rows that a gate reads and the gradients that it adds to stay in a core's second cache. Bits are packed,
 * `uint16_t [signal][block]`, a word for each block, which is also the mask of a vector register.
 *
 * Blocks and gates are walked in one order, so sums are the same in every run.
 */

#include "lanes.h"

enum { CHUNK = 8, AHEAD = 24 };

/* Ask for the rows of a gate that comes later, if there is one: no prefetcher guesses them. */
INLINE void prefetch(size_t gate, size_t gates, const float *x, const int32_t *a, const int32_t *b)
{
    if (gate < gates) {
        __builtin_prefetch(x + (size_t)a[gate] * LANES);
        __builtin_prefetch(x + (size_t)b[gate] * LANES);
    }
}

/* One sample a bit: x [batch][signals] bytes, not zero for a set bit; y [signals][blocks]; bits behind the batch are 0. */
void lgn_pack(size_t batch, size_t signals, size_t blocks, const uint8_t *x, uint16_t *y)
{
    for (size_t block = 0; block < blocks; block++) {
        const size_t start = block * LANES, rest = batch - start, count = rest < LANES ? rest : LANES;
        for (size_t signal = 0; signal < signals; signal++) {
            unsigned word = 0;
            for (size_t lane = 0; lane < count; lane++)
                word |= (unsigned)(x[(start + lane) * signals + signal] != 0) << lane;
            y[signal * blocks + block] = (uint16_t)word;
        }
    }
}

/* Bits as 0.0 and 1.0: x [signals][blocks], y [blocks][signals][16]. */
void lgn_unpack(size_t signals, size_t blocks, const uint16_t *x, float *y)
{
    for (size_t block = 0; block < blocks; block++)
        for (size_t signal = 0; signal < signals; signal++)
            *(Row *)(y + (block * signals + signal) * LANES) = bits_row(x[signal * blocks + block]);
}

/* Discrete gates: c [gates][4] are the coefficients of c0 + ca a + cb b + cab ab, with truth tables of 0 and 1. */
void lgn_bits_forward(size_t gates, size_t blocks, const uint16_t *x, const int32_t *a, const int32_t *b,
                      const float *c, uint16_t *y)
{
    for (size_t gate = 0; gate < gates; gate++, c += 4, y += blocks) {
        const uint16_t *p = x + (size_t)a[gate] * blocks, *q = x + (size_t)b[gate] * blocks;
        /* The same polynomial modulo 2: a coefficient counts when it is odd. */
        const unsigned m0 = c[0] != 0 ? 0xffffu : 0, ma = c[1] != 0 ? 0xffffu : 0, mb = c[2] != 0 ? 0xffffu : 0,
                       mab = (c[3] < 0 ? -c[3] : c[3]) == 1 ? 0xffffu : 0;
#pragma clang loop vectorize_width(8)
        for (size_t block = 0; block < blocks; block++)
            y[block] = (uint16_t)(m0 ^ (ma & p[block]) ^ (q[block] & (mb ^ (mab & p[block]))));
    }
}

/* Real-valued gates: x [blocks][signals][16], y [blocks][gates][16]. */
void lgn_forward(size_t gates, size_t signals, size_t blocks, const float *x, const int32_t *a, const int32_t *b,
                 const float *c, float *y)
{
    for (size_t block = 0; block < blocks; block++, x += signals * LANES)
        for (size_t gate = 0; gate < gates; gate++, y += LANES) {
            const Row p = row(x + (size_t)a[gate] * LANES), q = row(x + (size_t)b[gate] * LANES);
            const float *k = c + 4 * gate;
            prefetch(gate + AHEAD, gates, x, a, b);
            *(Row *)y = (k[0] + k[1] * p) + (k[2] + k[3] * p) * q;
        }
}

/* Gradients of a layer from those of its outputs, g [blocks][gates][16]: of the inputs, gx [blocks][signals][16], and of
 * the coefficients, gc [gates][4]; each may be NULL. */
INLINE void backward(size_t gates, size_t signals, size_t blocks, const void *x, int packed, const int32_t *a,
                     const int32_t *b, const float *c, const float *g, float *gx, float *gc)
{
    const uint16_t *bits = x;
    const float *values = x;
    for (size_t i = 0; gc && i < 4 * gates; i++)
        gc[i] = 0;
    for (size_t block = 0; block < blocks; block++) {
        for (size_t i = 0; gx && i < signals * LANES; i++)
            gx[i] = 0;
        for (size_t first = 0; first < gates; first += 4) {
            Row s[LANES] = {0};
            const size_t count = gates - first < 4 ? gates - first : 4;
            for (size_t i = 0; i < count; i++) {
                const size_t u = (size_t)a[first + i], v = (size_t)b[first + i];
                const Row p = packed ? bits_row(bits[u * blocks + block]) : row(values + u * LANES);
                const Row q = packed ? bits_row(bits[v * blocks + block]) : row(values + v * LANES);
                const Row r = row(g + (first + i) * LANES), rp = r * p;
                const float *k = c + 4 * (first + i);
                if (!packed)
                    prefetch(first + i + AHEAD, gates, values, a, b);
                if (gx) {
                    *(Row *)(gx + u * LANES) += r * (k[1] + k[3] * q);
                    *(Row *)(gx + v * LANES) += r * (k[2] + k[3] * p);
                }
                s[4 * i] = r, s[4 * i + 1] = rp, s[4 * i + 2] = r * q, s[4 * i + 3] = rp * q;
            }
            if (gc) {
                const Row total = sums(s);
                for (size_t i = 0; i < 4 * count; i++)
                    gc[4 * first + i] += total[i];
            }
        }
        values += packed ? 0 : signals * LANES;
        g += gates * LANES;
        gx += gx ? signals * LANES : 0;
    }
}

void lgn_backward(size_t gates, size_t signals, size_t blocks, const float *x, const int32_t *a, const int32_t *b,
                  const float *c, const float *g, float *gx, float *gc)
{
    backward(gates, signals, blocks, x, 0, a, b, c, g, gx, gc);
}

void lgn_bits_backward(size_t gates, size_t signals, size_t blocks, const uint16_t *x, const int32_t *a,
                       const int32_t *b, const float *c, const float *g, float *gx, float *gc)
{
    backward(gates, signals, blocks, x, 1, a, b, c, g, gx, gc);
}

/* Gates of k inputs: interpolation between corners c [2^k], the first input most significant, by rows p [k]. After input j
 * the 2^(k - 1 - j) values between the corners that are left stand at v + 2^(k - 1 - j); the output is v[1]. */
enum { MOST = 6 };

INLINE void interpolate(size_t k, const Row *p, const float *c, Row *v)
{
    const size_t first = (size_t)1 << (k - 1);
    for (size_t i = 0; i < first; i++)
        v[first + i] = c[i] + (c[first + i] - c[i]) * p[0];
    for (size_t j = 1; j < k; j++)
        for (size_t half = first >> j, i = 0; i < half; i++)
            v[half + i] = v[2 * half + i] + (v[3 * half + i] - v[2 * half + i]) * p[j];
}

INLINE void rows_of(size_t k, const float *x, const int32_t *wires, Row *p)
{
    for (size_t j = 0; j < k; j++)
        p[j] = row(x + (size_t)wires[j] * LANES);
}

INLINE void lookup_forward(size_t k, size_t gates, size_t signals, size_t blocks, const float *x, const int32_t *wires,
                           const float *c, float *y)
{
    for (size_t block = 0; block < blocks; block++, x += signals * LANES)
        for (size_t gate = 0; gate < gates; gate++, y += LANES) {
            Row p[MOST], v[1 << MOST];
            rows_of(k, x, wires + k * gate, p);
            interpolate(k, p, c + (gate << k), v);
            *(Row *)y = v[1];
        }
}

/* Gradients as in `backward`, gc being [gates][2^k]. */
INLINE void lookup_backward(size_t k, size_t gates, size_t signals, size_t blocks, const float *x, const int32_t *wires,
                            const float *c, const float *g, float *gx, float *gc)
{
    const size_t corners = (size_t)1 << k, first = corners / 2;
    for (size_t i = 0; gc && i < corners * gates; i++)
        gc[i] = 0;
    for (size_t block = 0; block < blocks; block++) {
        for (size_t i = 0; gx && i < signals * LANES; i++)
            gx[i] = 0;
        for (size_t gate = 0; gate < gates; gate++) {
            Row p[MOST], v[1 << MOST], d[1 << MOST], s[1 << MOST] = {0};
            const float *f = c + gate * corners;
            const int32_t *from = wires + k * gate;
            rows_of(k, x, from, p);
            interpolate(k, p, f, v);
            d[1] = row(g + gate * LANES);
            for (size_t j = k - 1; j > 0; j--) {
                Row slope = {0};
                for (size_t half = first >> j, i = 0; i < half; i++) {
                    const Row one = d[half + i] * p[j];
                    slope += d[half + i] * (v[3 * half + i] - v[2 * half + i]);
                    d[2 * half + i] = d[half + i] - one;
                    d[3 * half + i] = one;
                }
                if (gx)
                    *(Row *)(gx + (size_t)from[j] * LANES) += slope;
            }
            Row slope = {0};
            for (size_t i = 0; i < first; i++) {
                s[first + i] = d[first + i] * p[0];
                s[i] = d[first + i] - s[first + i];
                slope += d[first + i] * (f[first + i] - f[i]);
            }
            if (gx)
                *(Row *)(gx + (size_t)from[0] * LANES) += slope;
            for (size_t start = 0; gc && start < corners; start += LANES) {
                const Row total = sums(s + start);
                for (size_t i = 0; i < LANES && start + i < corners; i++)
                    gc[gate * corners + start + i] += total[i];
            }
        }
        x += signals * LANES;
        g += gates * LANES;
        gx += gx ? signals * LANES : 0;
    }
}

/* Real-valued gates of k inputs, 3 to 6: wires [gates][k], c [gates][2^k], the rest as for two inputs. */
void lgn_lookup_forward(size_t k, size_t gates, size_t signals, size_t blocks, const float *x, const int32_t *wires,
                        const float *c, float *y)
{
    switch (k) { /* constants, so that the loops over inputs and corners are unrolled */
    case 3: lookup_forward(3, gates, signals, blocks, x, wires, c, y); break;
    case 4: lookup_forward(4, gates, signals, blocks, x, wires, c, y); break;
    case 5: lookup_forward(5, gates, signals, blocks, x, wires, c, y); break;
    default: lookup_forward(6, gates, signals, blocks, x, wires, c, y);
    }
}

void lgn_lookup_backward(size_t k, size_t gates, size_t signals, size_t blocks, const float *x, const int32_t *wires,
                         const float *c, const float *g, float *gx, float *gc)
{
    switch (k) {
    case 3: lookup_backward(3, gates, signals, blocks, x, wires, c, g, gx, gc); break;
    case 4: lookup_backward(4, gates, signals, blocks, x, wires, c, g, gx, gc); break;
    case 5: lookup_backward(5, gates, signals, blocks, x, wires, c, g, gx, gc); break;
    default: lookup_backward(6, gates, signals, blocks, x, wires, c, g, gx, gc);
    }
}

/* Adds to dots[n] the products of a gradient of `count` blocks with n candidates. */
INLINE void dots_of(const Row *gradient, size_t count, size_t blocks, const uint16_t *bits, size_t n,
                    const int32_t *candidates, float *dots)
{
    for (size_t first = 0; first < n; first += LANES) {
        Row s[LANES] = {0};
        const size_t wide = n - first < LANES ? n - first : LANES;
        for (size_t i = 0; i < wide; i++) {
            const uint16_t *word = bits + (size_t)candidates[first + i] * blocks;
            Row even = {0}, odd = {0};
            for (size_t j = 0; j + 1 < count; j += 2) {
                even += keep(gradient[j], lanes(word[j]));
                odd += keep(gradient[j + 1], lanes(word[j + 1]));
            }
            if (count % 2)
                even += keep(gradient[count - 1], lanes(word[count - 1]));
            s[i] = even + odd;
        }
        const Row total = sums(s);
        for (size_t i = 0; i < wide; i++)
            dots[first + i] += total[i];
    }
}

/* Gradients of choices among bits: dots [2][gates][n] of candidates [2][gates][n], the sum over samples of a candidate's
 * bit times the gradient of a gate's first (second) input. */
void lgn_bits_choice(size_t gates, size_t blocks, size_t n, const uint16_t *x, const int32_t *a, const int32_t *b,
                     const float *c, const int32_t *candidates, const float *g, float *dots)
{
    for (size_t side = 0; side < 2; side++)
        for (size_t gate = 0; gate < gates; gate++, candidates += n, dots += n) {
            const float *k = c + 4 * gate, slope = k[side ? 2 : 1], other_slope = k[3];
            const uint16_t *other = x + (size_t)(side ? a : b)[gate] * blocks;
            for (size_t i = 0; i < n; i++)
                dots[i] = 0;
            if (slope == 0 && other_slope == 0)
                continue; /* the gate does not read this input */
            for (size_t start = 0; start < blocks; start += CHUNK) {
                Row gradient[CHUNK];
                const size_t count = blocks - start < CHUNK ? blocks - start : CHUNK;
                for (size_t j = 0; j < count; j++)
                    gradient[j] = row(g + ((start + j) * gates + gate) * LANES) *
                                  (slope + other_slope * bits_row(other[start + j]));
                if (count == CHUNK)
                    dots_of(gradient, CHUNK, blocks, x + start, n, candidates, dots);
                else
                    dots_of(gradient, count, blocks, x + start, n, candidates, dots);
            }
        }
}

/* The first greatest of each row: x [rows][n], n at least 1. */
void lgn_argmax(size_t rows, size_t n, const float *x, int64_t *best)
{
    for (size_t row = 0; row < rows; row++, x += n) {
        size_t at = 0;
        float most = x[0];
        for (size_t i = 1; i < n; i++) {
            at = x[i] > most ? i : at;
            most = x[i] > most ? x[i] : most;
        }
        best[row] = (int64_t)at;
    }
}

/* Ones in each of `groups` equal parts of the signals: x [signals][blocks], y [blocks][groups][16]. */
void lgn_count(size_t groups, size_t signals, size_t blocks, const uint16_t *x, float *y)
{
    const size_t size = signals / groups;
    for (size_t block = 0; block < blocks; block++)
        for (size_t group = 0; group < groups; group++, y += LANES) {
            Mask total = {0};
            for (size_t i = 0; i < size; i++)
                total -= lanes(x[(group * size + i) * blocks + block]);
            *(Row *)y = __builtin_convertvector(total, Row);
        }
}
