/* Convolutions by trees of gates, each with the OR pool behind it, on a CPU, forward and backward.
 *
 * A tree has a power of two of leaves, cells (channel, row, column) of a window, `leaf int32 [kernel][leaf][3]`. Node n is
 * a gate of the values 2n and 2n + 1, where the leaves are the first values and the nodes, in order, those that follow.
 * Gates are coefficients, `c float [kernel][node][4]`, of c0 + ca a + cb b + cab ab. A tree stands at every place of its
 * window, and the output is the greatest over a pool's window of places. A convolution alone has a pool of one place, a
 * pool alone has trees of one leaf and no gate.
 *
 * Signals are those of `cpu.c`: bits `uint16_t [signal][block]`, real values `float [block][signal][16]`, signal (channel,
 * y, x) of an image being (channel * height + y) * width + x.
 *
 * A pool passes its gradient to the first greatest place that lies inside, so backward each sample has one place: its
 * leaves are chosen lane by lane, and the tree runs backward once for all places of the pool's window.
 */

#include "lanes.h"

enum {
    PAIRS = 32, /* pairs of a pool's window and a block that are computed together: their gradients stay in the cache */
    MOST_LEAVES = 16,
    MOST_VALUES = 2 * MOST_LEAVES - 1,
    MOST_PLACES = 64 /* of a pool's window */
};

typedef struct {
    size_t channels, height, width;              /* of the image */
    size_t kernels, leaves;                      /* of the trees */
    size_t stride_y, stride_x, pad_y, pad_x;     /* of their window */
    size_t rows, columns;                        /* of their places */
    size_t pool_y, pool_x;                       /* size of the pool's window */
    size_t step_y, step_x, margin_y, margin_x;   /* its stride and padding */
    size_t out_rows, out_columns;                /* of the output */
} Shape;

typedef uint16_t Words[PAIRS];

/* Where place `i` of the pool's window of an output stands: whether it lies inside, and the first cell of its window;
 * numbers below 0 are great ones. */
typedef struct {
    size_t inside, y, x;
} Place;

INLINE Place place_of(const Shape *s, size_t output, size_t i)
{
    const size_t y = output / s->out_columns * s->step_y + i / s->pool_x - s->margin_y;
    const size_t x = output % s->out_columns * s->step_x + i % s->pool_x - s->margin_x;
    return (Place){y < s->rows && x < s->columns, y * s->stride_y - s->pad_y, x * s->stride_x - s->pad_x};
}

/* The signal under a leaf at a place; `signals` where that is outside of the image. */
INLINE size_t signal_of(const Shape *s, Place at, const int32_t *leaf)
{
    const size_t y = at.y + (size_t)leaf[1], x = at.x + (size_t)leaf[2];
    const size_t outside = s->channels * s->height * s->width;
    return y < s->height && x < s->width ? ((size_t)leaf[0] * s->height + y) * s->width + x : outside;
}

/* A tree of discrete gates: which of its values count. */
typedef struct {
    uint8_t forward[MOST_VALUES];  /* the output depends on the value, so it has a gradient */
    uint8_t backward[MOST_VALUES]; /* a gradient depends on the value */
} Counts;

INLINE Counts counts_of(size_t leaves, const float *c)
{
    Counts counts = {{0}, {0}};
    counts.forward[2 * leaves - 2] = counts.backward[2 * leaves - 2] = 1;
    for (size_t n = leaves - 1; n-- > 0;) {
        const float *k = c + 4 * n;
        const int forward = counts.forward[leaves + n], backward = counts.backward[leaves + n];
        const int reads_a = k[1] != 0 || k[3] != 0, reads_b = k[2] != 0 || k[3] != 0;
        counts.forward[2 * n] = forward && reads_a;
        counts.forward[2 * n + 1] = forward && reads_b;
        counts.backward[2 * n] = forward || (backward && reads_a);
        counts.backward[2 * n + 1] = forward || (backward && reads_b);
    }
    return counts;
}

/* Values of the nodes that count, from those of the leaves. */
INLINE void evaluate(size_t leaves, const float *c, const uint8_t *counts, Words *v)
{
    for (size_t n = 0; n < leaves - 1; n++, c += 4) {
        if (!counts[leaves + n])
            continue;
        /* The same polynomial modulo 2: a coefficient counts when it is odd. */
        const uint16_t m0 = c[0] != 0 ? 0xffff : 0, ma = c[1] != 0 ? 0xffff : 0, mb = c[2] != 0 ? 0xffff : 0,
                       mab = (c[3] < 0 ? -c[3] : c[3]) == 1 ? 0xffff : 0;
        for (size_t i = 0; i < PAIRS; i++)
            v[leaves + n][i] =
                (uint16_t)(m0 ^ (ma & v[2 * n][i]) ^ (v[2 * n + 1][i] & (mb ^ (mab & v[2 * n][i]))));
    }
}

/* Outputs and blocks that are computed together; pair `output * blocks + block` of a chunk. */
typedef struct {
    size_t output, outputs, block, blocks;
} Chunk;

INLINE Chunk next_chunk(const Shape *s, size_t blocks, Chunk chunk)
{
    const size_t all = s->out_rows * s->out_columns;
    chunk.output += chunk.outputs;
    if (chunk.output == all) {
        chunk.output = 0;
        chunk.block += chunk.blocks;
    }
    chunk.blocks = blocks - chunk.block < PAIRS ? blocks - chunk.block : PAIRS;
    if (!chunk.blocks)
        return chunk;
    const size_t most = PAIRS / chunk.blocks;
    chunk.outputs = all - chunk.output < most ? all - chunk.output : most;
    return chunk;
}

/* Bits of a leaf at one place of the pool's window, for all pairs of a chunk. */
INLINE void gather(const Shape *s, size_t blocks, const uint16_t *x, Chunk chunk, size_t i, const int32_t *leaf,
                   uint16_t *to)
{
    const size_t outside = s->channels * s->height * s->width;
    for (size_t output = 0; output < chunk.outputs; output++, to += chunk.blocks) {
        const size_t signal = signal_of(s, place_of(s, chunk.output + output, i), leaf);
        const uint16_t *from = x + signal * blocks + chunk.block;
        if (signal == outside)
            for (size_t block = 0; block < chunk.blocks; block++)
                to[block] = 0;
        else
            for (size_t block = 0; block < chunk.blocks; block++)
                to[block] = from[block];
    }
}

/* All ones for the pairs of a chunk whose place of the pool's window lies inside. */
INLINE void inside(const Shape *s, Chunk chunk, size_t i, uint16_t *to)
{
    for (size_t output = 0; output < chunk.outputs; output++)
        for (size_t block = 0; block < chunk.blocks; block++)
            *to++ = place_of(s, chunk.output + output, i).inside ? 0xffff : 0;
}

/* Discrete gates on bits: x [signals][blocks], y [outputs][blocks]. */
void lgn_trees_bits_forward(const Shape *s, size_t blocks, const uint16_t *x, const int32_t *leaf, const float *c,
                            uint16_t *y)
{
    const size_t leaves = s->leaves, outputs = s->out_rows * s->out_columns, places = s->pool_y * s->pool_x;
    Words v[MOST_VALUES] = {{0}};
    for (size_t kernel = 0; kernel < s->kernels; kernel++, leaf += 3 * leaves, c += 4 * (leaves - 1)) {
        const Counts counts = counts_of(leaves, c);
        for (Chunk chunk = next_chunk(s, blocks, (Chunk){0}); chunk.blocks; chunk = next_chunk(s, blocks, chunk)) {
            Words any = {0}, in = {0};
            for (size_t i = 0; i < places; i++) {
                for (size_t l = 0; l < leaves; l++)
                    if (counts.forward[l])
                        gather(s, blocks, x, chunk, i, leaf + 3 * l, v[l]);
                evaluate(leaves, c, counts.forward, v);
                inside(s, chunk, i, in);
                for (size_t p = 0; p < PAIRS; p++)
                    any[p] |= in[p] & v[2 * leaves - 2][p];
            }
            const uint16_t *from = any;
            for (size_t output = chunk.output; output < chunk.output + chunk.outputs; output++)
                for (size_t block = chunk.block; block < chunk.block + chunk.blocks; block++)
                    y[(kernel * outputs + output) * blocks + block] = *from++;
        }
    }
}

/* Adds what `count` candidates of a leaf, cells [count][3], get from the leaf's gradient d, pair by pair. */
INLINE void choose_leaf(const Shape *s, size_t blocks, const uint16_t *x, Chunk chunk, const Words *mine, const Row *d,
                        size_t count, const int32_t *cells, float *dots)
{
    Words seen = {0};
    for (size_t j = 0; j < count; j++) {
        Words bits = {0};
        Row total = {0};
        for (size_t i = 0; i < s->pool_y * s->pool_x; i++) {
            gather(s, blocks, x, chunk, i, cells + 3 * j, seen);
            for (size_t p = 0; p < PAIRS; p++)
                bits[p] |= mine[i][p] & seen[p];
        }
        for (size_t p = 0; p < chunk.outputs * chunk.blocks; p++)
            total += keep(d[p], lanes(bits[p]));
        for (size_t lane = 0; lane < LANES; lane++)
            dots[j] += total[lane];
    }
}

/* Gradients from those of the outputs, g [blocks][outputs][16]: of the image, gx [blocks][signals][16], of the
 * coefficients, gc [kernels][nodes][4], and of the weights of the `count` candidates of each leaf, cells
 * [kernels][leaves][count][3]: dots [kernels][leaves][count], sums of a candidate's bit times the gradient of the leaf.
 * Each may be NULL. */
void lgn_trees_bits_backward(const Shape *s, size_t blocks, const uint16_t *x, const int32_t *leaf, const float *c,
                             const float *g, float *gx, float *gc, size_t count, const int32_t *cells, float *dots)
{
    const size_t leaves = s->leaves, outputs = s->out_rows * s->out_columns, places = s->pool_y * s->pool_x;
    const size_t signals = s->channels * s->height * s->width;
    Words at[MOST_PLACES][MOST_LEAVES] = {{{0}}}, mine[MOST_PLACES] = {{0}}, v[MOST_VALUES] = {{0}};
    Row d[MOST_VALUES][PAIRS];
    for (size_t i = 0; gx && i < blocks * signals * LANES; i++)
        gx[i] = 0;
    for (size_t i = 0; dots && i < s->kernels * leaves * count; i++)
        dots[i] = 0;
    for (size_t kernel = 0; kernel < s->kernels; kernel++, leaf += 3 * leaves, c += 4 * (leaves - 1)) {
        const Counts counts = counts_of(leaves, c);
        Row acc[MOST_LEAVES][4] = {{{0}}};
        for (Chunk chunk = next_chunk(s, blocks, (Chunk){0}); chunk.blocks; chunk = next_chunk(s, blocks, chunk)) {
            const size_t pairs = chunk.outputs * chunk.blocks;
            /* The place of each sample: the first that is set, or else the first. */
            Words left, in[MOST_PLACES] = {{0}};
            for (size_t p = 0; p < PAIRS; p++)
                left[p] = 0xffff;
            for (size_t i = 0; i < places; i++) {
                for (size_t l = 0; l < leaves; l++)
                    if (counts.backward[l]) {
                        gather(s, blocks, x, chunk, i, leaf + 3 * l, at[i][l]);
                        for (size_t p = 0; p < PAIRS; p++)
                            v[l][p] = at[i][l][p];
                    }
                inside(s, chunk, i, in[i]);
                evaluate(leaves, c, counts.forward, v);
                for (size_t p = 0; p < PAIRS; p++) {
                    mine[i][p] = left[p] & in[i][p] & v[2 * leaves - 2][p];
                    left[p] &= (uint16_t)~mine[i][p];
                }
            }
            for (size_t i = 0; i < places; i++)
                for (size_t p = 0; p < PAIRS; p++) {
                    mine[i][p] |= left[p] & in[i][p];
                    left[p] &= (uint16_t)~in[i][p];
                }
            for (size_t l = 0; l < leaves; l++)
                if (counts.backward[l])
                    for (size_t p = 0; p < PAIRS; p++) {
                        uint16_t bits = 0;
                        for (size_t i = 0; i < places; i++)
                            bits |= mine[i][p] & at[i][l][p];
                        v[l][p] = bits;
                    }
            evaluate(leaves, c, counts.backward, v);
            for (size_t output = chunk.output, p = 0; output < chunk.output + chunk.outputs; output++)
                for (size_t block = chunk.block; block < chunk.block + chunk.blocks; block++, p++) {
                    const float *from = g + ((block * s->kernels + kernel) * outputs + output) * LANES;
                    d[2 * leaves - 2][p] = keep(row(from), ~lanes(left[p])); /* windows may lie outside as a whole */
                }
            for (size_t n = leaves - 1; n-- > 0;) {
                if (!counts.forward[leaves + n])
                    continue;
                const float ca = c[4 * n + 1], cb = c[4 * n + 2], cab = c[4 * n + 3];
                const Row no = {0};
                Row s0 = no, sa = no, sb = no, sab = no;
                for (size_t p = 0; p < pairs; p++) {
                    const Row r = d[leaves + n][p];
                    const Mask a = lanes(v[2 * n][p]), b = lanes(v[2 * n + 1][p]);
                    s0 += r, sa += keep(r, a), sb += keep(r, b), sab += keep(r, a & b);
                    d[2 * n][p] = r * (ca + keep(no + cab, b));
                    d[2 * n + 1][p] = r * (cb + keep(no + cab, a));
                }
                acc[n][0] += s0, acc[n][1] += sa, acc[n][2] += sb, acc[n][3] += sab;
            }
            for (size_t l = 0; dots && l < leaves; l++)
                if (counts.forward[l]) {
                    const size_t first = (kernel * leaves + l) * count;
                    choose_leaf(s, blocks, x, chunk, mine, d[l], count, cells + 3 * first, dots + first);
                }
            for (size_t l = 0; gx && l < leaves; l++)
                for (size_t i = 0; counts.forward[l] && i < places; i++)
                    for (size_t output = 0, p = 0; output < chunk.outputs; output++) {
                        const size_t signal = signal_of(s, place_of(s, chunk.output + output, i), leaf + 3 * l);
                        if (signal == signals) {
                            p += chunk.blocks;
                            continue;
                        }
                        float *to = gx + (chunk.block * signals + signal) * LANES;
                        for (size_t block = 0; block < chunk.blocks; block++, p++, to += signals * LANES)
                            if (mine[i][p])
                                *(Row *)to += keep(d[l][p], lanes(mine[i][p]));
                    }
        }
        for (size_t first = 0; gc && first < leaves - 1; first += 4) {
            const Row total = sums(acc[first]);
            for (size_t i = 4 * first; i < 4 * (leaves - 1) && i < 4 * first + LANES; i++)
                gc[kernel * 4 * (leaves - 1) + i] = total[i - 4 * first];
        }
    }
}

/* The values of a tree of real-valued gates at one place; outside of the image is 0. */
INLINE void interpolate(const Shape *s, const float *x, Place at, const int32_t *leaf, const float *c, Row *v)
{
    const size_t leaves = s->leaves, outside = s->channels * s->height * s->width;
    for (size_t l = 0; l < leaves; l++) {
        const size_t signal = signal_of(s, at, leaf + 3 * l);
        v[l] = signal == outside ? (Row){0} : row(x + signal * LANES);
    }
    for (size_t n = 0; n < leaves - 1; n++, c += 4)
        v[leaves + n] = (c[0] + c[1] * v[2 * n]) + (c[2] + c[3] * v[2 * n]) * v[2 * n + 1];
}

INLINE Row choose(Mask mask, Row yes, Row no) { return (Row)((mask & (Mask)yes) | (~mask & (Mask)no)); }

/* Values at the first greatest place of the pool's window, and `mine`: the samples of which each place is that. */
INLINE void greatest(const Shape *s, const float *x, size_t output, const int32_t *leaf, const float *c, size_t values,
                     Row *v, Mask *mine)
{
    const size_t top = 2 * s->leaves - 2, places = s->pool_y * s->pool_x;
    int none = 1;
    for (size_t i = 0; i < places; i++) {
        const Place at = place_of(s, output, i);
        Row w[MOST_VALUES];
        mine[i] = (Mask){0};
        if (!at.inside)
            continue;
        interpolate(s, x, at, leaf, c, w);
        mine[i] = none ? ~(Mask){0} : w[top] > v[top];
        none = 0;
        for (size_t j = 0; j < i; j++)
            mine[j] &= ~mine[i];
        for (size_t l = top + 1 - values; l <= top; l++)
            v[l] = choose(mine[i], w[l], v[l]);
    }
}

/* Real-valued gates: x [blocks][signals][16], y [blocks][outputs][16]. */
void lgn_trees_forward(const Shape *s, size_t blocks, const float *x, const int32_t *leaf, const float *c, float *y)
{
    const size_t leaves = s->leaves, outputs = s->out_rows * s->out_columns;
    for (size_t block = 0; block < blocks; block++, x += s->channels * s->height * s->width * LANES)
        for (size_t kernel = 0; kernel < s->kernels; kernel++)
            for (size_t output = 0; output < outputs; output++, y += LANES) {
                Row v[MOST_VALUES] = {{0}};
                Mask mine[MOST_PLACES];
                greatest(s, x, output, leaf + 3 * leaves * kernel, c + 4 * (leaves - 1) * kernel, 1, v, mine);
                *(Row *)y = v[2 * leaves - 2];
            }
}

/* Gradients as in `lgn_trees_bits_backward`. */
void lgn_trees_backward(const Shape *s, size_t blocks, const float *x, const int32_t *leaf, const float *c,
                        const float *g, float *gx, float *gc)
{
    const size_t leaves = s->leaves, nodes = leaves - 1, outputs = s->out_rows * s->out_columns;
    const size_t places = s->pool_y * s->pool_x, signals = s->channels * s->height * s->width;
    for (size_t i = 0; gx && i < blocks * signals * LANES; i++)
        gx[i] = 0;
    for (size_t i = 0; gc && i < 4 * s->kernels * nodes; i++)
        gc[i] = 0;
    for (size_t block = 0; block < blocks; block++, x += signals * LANES, gx += gx ? signals * LANES : 0)
        for (size_t kernel = 0; kernel < s->kernels; kernel++) {
            const int32_t *cells = leaf + 3 * leaves * kernel;
            const float *k = c + 4 * nodes * kernel;
            Row acc[MOST_LEAVES][4] = {{{0}}};
            for (size_t output = 0; output < outputs; output++, g += LANES) {
                Row v[MOST_VALUES] = {{0}}, d[MOST_VALUES];
                Mask mine[MOST_PLACES], any = {0};
                greatest(s, x, output, cells, k, 2 * leaves - 1, v, mine);
                for (size_t i = 0; i < places; i++)
                    any |= mine[i];
                d[2 * leaves - 2] = keep(row(g), any);
                for (size_t n = nodes; n-- > 0;) {
                    const Row a = v[2 * n], b = v[2 * n + 1], r = d[leaves + n], ra = r * a;
                    d[2 * n] = r * (k[4 * n + 1] + k[4 * n + 3] * b);
                    d[2 * n + 1] = r * (k[4 * n + 2] + k[4 * n + 3] * a);
                    acc[n][0] += r, acc[n][1] += ra, acc[n][2] += r * b, acc[n][3] += ra * b;
                }
                for (size_t i = 0; gx && i < places; i++)
                    for (size_t l = 0; l < leaves; l++) {
                        const size_t signal = signal_of(s, place_of(s, output, i), cells + 3 * l);
                        if (signal < signals)
                            *(Row *)(gx + signal * LANES) += keep(d[l], mine[i]);
                    }
            }
            for (size_t first = 0; gc && first < nodes; first += 4) {
                const Row total = sums(acc[first]);
                for (size_t i = 4 * first; i < 4 * nodes && i < 4 * first + LANES; i++)
                    gc[kernel * 4 * nodes + i] += total[i - 4 * first];
            }
        }
}
