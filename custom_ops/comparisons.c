/* What lgn_edge/kernels/encoding.py and pack.py do for an artifact: comparisons of integers, grouped into pieces of
   neighbouring features. */

#include "comparisons.h"

#include <stdlib.h>
#include <string.h>

#define SQUARE 64         /* columns of a block */
#define NARROWEST 8       /* features that vector comparisons need at least */
#define TOGETHER 16       /* blocks whose levels registers hold */
#define INFINITY_KEY 0x7F800000

/* x > t of an integer is x > floor(t): -1, all are above, to 255, none is. */
static int32_t byte_level(float threshold)
{
    return threshold < 0.0f ? -1 : threshold >= 255.0f ? 255 : (int32_t)threshold;
}

/* An integer in the order of the floats; both zeros are the same. Bits, as arithmetic may flush small numbers. */
static int32_t float_key(float threshold)
{
    int32_t bits;

    memcpy(&bits, &threshold, sizeof bits);
    if (bits == INT32_MIN) {
        return 0;
    }
    return bits < 0 ? bits ^ 0x7FFFFFFF : bits;
}

static int32_t level_of(const struct lgn_encoder *encoder, int32_t bit)
{
    return encoder->is_float ? float_key(encoder->threshold[bit]) : byte_level(encoder->threshold[bit]);
}

static int32_t piece_width(int64_t n_features)
{
    int32_t width = NARROWEST;

    while (width < SQUARE && 2 * width <= n_features) {
        width *= 2;
    }
    return width;
}

/* The form that compares the fewest blocks, and most of them together: all, where registers hold their levels. */
static int32_t choose_form(const struct lgn_encoder *encoder, int32_t width, int32_t n_pieces)
{
    const int32_t per_block = SQUARE / width, n_blocks = (n_pieces + per_block - 1) / per_block;
    const int32_t most = n_blocks <= TOGETHER ? TOGETHER : LGN_LANES;
    int32_t best = -1, best_blocks = 0;

    for (int32_t i = 0; i < lgn_n_pack_forms; i++) {
        const struct lgn_pack_form *form = &lgn_pack_forms[i];
        if (form->is_float == encoder->is_float && form->width == width && form->together <= most) {
            const int32_t blocks = (n_blocks + form->together - 1) / form->together * form->together;
            if (best < 0 || blocks < best_blocks ||
                (blocks == best_blocks && form->together > lgn_pack_forms[best].together)) {
                best = i;
                best_blocks = blocks;
            }
        }
    }
    return best;
}

/* Bits sorted by key, equal ones in the order they stand; `first` has n_keys + 1 zeros. */
static void sort_by(const int32_t *key, const int32_t *items, int32_t n, int32_t n_keys, int32_t *first, int32_t *sorted)
{
    for (int32_t i = 0; i < n; i++) {
        first[key[items[i]] + 1]++;
    }
    for (int32_t k = 0; k < n_keys; k++) {
        first[k + 1] += first[k];
    }
    for (int32_t i = 0; i < n; i++) {
        sorted[first[key[items[i]]]++] = items[i];
    }
}

typedef struct {
    int32_t *feature, *plane; /* [bits] of each; the first threshold of a feature is in plane 0, the second in plane 1 */
    int32_t *first;           /* [keys + 1] */
    int32_t *items, *sorted;  /* [bits] slots that are compared */
    int32_t *piece;           /* [bits] */
    int32_t n_compared, n_pieces;
} sorting;

/* Slots in the order of planes, those of a plane in the order of features. */
static void sort_slots(sorting *s, int64_t n_features, int32_t *start, int32_t width)
{
    int32_t planes = 0;

    memset(s->first, 0, ((size_t)n_features + 1u) * sizeof *s->first);
    sort_by(s->feature, s->items, s->n_compared, (int32_t)n_features, s->first, s->sorted);
    for (int32_t i = 0; i < s->n_compared; i++) {
        const int again = i > 0 && s->feature[s->sorted[i]] == s->feature[s->sorted[i - 1]];
        const int32_t plane = again ? s->plane[s->sorted[i - 1]] + 1 : 0;
        s->plane[s->sorted[i]] = plane;
        planes = plane >= planes ? plane + 1 : planes;
    }
    memcpy(s->items, s->sorted, (size_t)s->n_compared * sizeof *s->items);
    memset(s->first, 0, ((size_t)planes + 1u) * sizeof *s->first);
    sort_by(s->plane, s->items, s->n_compared, planes, s->first, s->sorted);
    for (int32_t i = 0; i < s->n_compared;) {
        const int32_t head = s->sorted[i], last = (int32_t)n_features - width;
        const int32_t left = s->feature[head] < last ? s->feature[head] : last;
        for (; i < s->n_compared; i++) {
            const int32_t slot = s->sorted[i];
            if (s->plane[slot] != s->plane[head] || s->feature[slot] >= left + width) {
                break;
            }
            s->piece[slot] = s->n_pieces;
        }
        start[s->n_pieces++] = left;
    }
}

/* The tables of the pieces, each column with its level and slot. */
static enum lgn_status fill(const struct lgn_encoder *encoder, const int32_t *bit, const sorting *s, int32_t width,
                            int32_t n_slots, const int32_t *start, struct lgn_comparisons *c)
{
    const struct lgn_pack_form *const form = &lgn_pack_forms[c->form];
    const int32_t per_group = SQUARE / width * form->together;
    const size_t size = encoder->is_float ? 4u : 1u;
    size_t pieces, columns;

    c->n_groups = (s->n_pieces + per_group - 1) / per_group;
    pieces = (size_t)c->n_groups * (size_t)per_group;
    columns = pieces * (size_t)width;
    c->start = calloc(pieces + 1u, sizeof *c->start);
    c->column_slot = malloc((columns + 1u) * sizeof *c->column_slot);
    c->level = malloc((columns + 1u) * size);
    if (c->start == NULL || c->column_slot == NULL || c->level == NULL) {
        return LGN_NO_MEMORY;
    }
    memcpy(c->start, start, (size_t)s->n_pieces * sizeof *start);
    for (size_t i = 0; i < columns; i++) { /* nothing is above these */
        c->column_slot[i] = n_slots;
        if (encoder->is_float) {
            ((int32_t *)c->level)[i] = INFINITY_KEY;
        } else {
            ((uint8_t *)c->level)[i] = 255;
        }
    }
    for (int32_t i = 0; i < s->n_compared; i++) {
        const int32_t slot = s->sorted[i], piece = s->piece[slot];
        const size_t column = (size_t)piece * (size_t)width + (size_t)(s->feature[slot] - start[piece]);
        c->column_slot[column] = slot;
        if (encoder->is_float) {
            ((int32_t *)c->level)[column] = level_of(encoder, bit[slot]);
        } else {
            ((uint8_t *)c->level)[column] = (uint8_t)level_of(encoder, bit[slot]);
        }
    }
    return LGN_OK;
}

static enum lgn_status make_vector(const struct lgn_encoder *encoder, const int32_t *bit, int32_t n_bits,
                                   int32_t n_slots, struct lgn_comparisons *c)
{
    const size_t n = (size_t)n_bits, keys = (encoder->n_features > n_bits ? (size_t)encoder->n_features : n) + 1u;
    int32_t *const memory = malloc((6u * n + keys) * sizeof *memory), *start;
    const int32_t width = piece_width(encoder->n_features);
    enum lgn_status status;
    sorting s;

    c->one_slot = malloc((n + 1u) * sizeof *c->one_slot);
    if (memory == NULL || c->one_slot == NULL) {
        free(memory);
        return LGN_NO_MEMORY;
    }
    s = (sorting){memory,         memory + n, memory + 6u * n, memory + 2u * n, memory + 3u * n,
                  memory + 4u * n, 0,          0};
    start = memory + 5u * n;
    for (int32_t i = 0; i < n_bits; i++) {
        s.feature[i] = encoder->feature[bit[i]];
        if (!encoder->is_float && level_of(encoder, bit[i]) < 0) {
            c->one_slot[c->n_ones++] = i;
        } else {
            s.items[s.n_compared++] = i;
        }
    }
    sort_slots(&s, encoder->n_features, start, width);
    c->form = choose_form(encoder, width, s.n_pieces);
    c->extra_rows = lgn_pack_forms[c->form].extra_rows;
    status = fill(encoder, bit, &s, width, n_slots, start, c);
    free(memory);
    return status;
}

static enum lgn_status make_scalar(const struct lgn_encoder *encoder, const int32_t *bit, int32_t n_bits,
                                   struct lgn_comparisons *c)
{
    int32_t *const level = malloc((size_t)n_bits * sizeof *level);

    c->form = -1;
    c->level = level;
    c->feature = malloc((size_t)n_bits * sizeof *c->feature);
    if (c->level == NULL || c->feature == NULL) {
        return LGN_NO_MEMORY;
    }
    for (int32_t i = 0; i < n_bits; i++) {
        c->feature[i] = encoder->feature[bit[i]];
        level[i] = level_of(encoder, bit[i]);
    }
    return LGN_OK;
}

enum lgn_status lgn_make_comparisons(const struct lgn_encoder *encoder, const int32_t *bit, int32_t n_bits,
                                     int32_t n_slots, struct lgn_comparisons *comparisons)
{
    memset(comparisons, 0, sizeof *comparisons);
    if (encoder->n_features > INT32_MAX / LGN_BLOCK) {
        return LGN_TOO_LARGE;
    }
    comparisons->n_features = (int32_t)encoder->n_features;
    comparisons->n_bits = n_bits;
    comparisons->is_float = encoder->is_float;
    if (encoder->n_features < NARROWEST) {
        return make_scalar(encoder, bit, n_bits, comparisons);
    }
    return make_vector(encoder, bit, n_bits, n_slots, comparisons);
}

void lgn_free_comparisons(struct lgn_comparisons *comparisons)
{
    free(comparisons->start);
    free(comparisons->column_slot);
    free(comparisons->one_slot);
    free(comparisons->feature);
    free(comparisons->level);
    memset(comparisons, 0, sizeof *comparisons);
}

void lgn_compare(const struct lgn_kernels *kernels, const struct lgn_comparisons *comparisons, const void *samples,
                 int32_t count, uint64_t *slots, int32_t n_slots)
{
    const struct lgn_comparisons *const c = comparisons;

    if (c->form < 0) {
        kernels->pack_scalar[c->is_float](samples, count, slots, c->feature, c->level, c->n_features, c->n_bits);
    } else {
        kernels->pack[c->form](samples, count, slots, c->start, c->level, c->column_slot, c->one_slot, c->n_features,
                               n_slots, c->n_groups, c->n_ones);
    }
}
