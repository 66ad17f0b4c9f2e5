/* What kernels/encoding.py and forms/rows/pack_vectors.py do for an artifact: comparisons of integers, grouped into
   pieces of neighbouring features. */

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

/* The same of a difference: -256, all are above, to 255. */
static int32_t edge_level(float threshold)
{
    int32_t level;

    if (threshold < -255.0f || threshold >= 255.0f) {
        return threshold < 0.0f ? -256 : 255;
    }
    level = (int32_t)threshold;
    return (float)level > threshold ? level - 1 : level;
}

static int32_t level_of(enum lgn_compared compared, float threshold)
{
    switch (compared) {
    case LGN_FLOATS:
        return float_key(threshold);
    case LGN_EDGES:
        return edge_level(threshold);
    default:
        return byte_level(threshold);
    }
}

/* Features of a piece, of which `room` are where a piece may lie; 0 for one comparison at a time. */
static int32_t piece_width(int64_t room)
{
    int32_t width = NARROWEST;

    while (width < SQUARE && 2 * width <= room) {
        width *= 2;
    }
    return width <= room ? width : 0;
}

/* The form that compares the fewest blocks, and most of them together: all, where registers hold their levels. */
static int32_t choose_form(enum lgn_compared compared, int32_t width, int32_t n_pieces)
{
    const int32_t per_block = SQUARE / width, n_blocks = (n_pieces + per_block - 1) / per_block;
    const int32_t most = n_blocks <= TOGETHER ? TOGETHER : LGN_LANES;
    int32_t best = -1, best_blocks = 0;

    for (int32_t i = 0; i < lgn_n_pack_forms; i++) {
        const struct lgn_pack_form *form = &lgn_pack_forms[i];
        if (form->compared == (int32_t)compared && form->width == width && form->together <= most) {
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

/* Bits of one section, each known by its place in it. */
typedef struct {
    int32_t n_features, n_bits;
    int32_t *slot, *feature, *distance, *level; /* [bits] of each; the feature that is subtracted lies `distance` behind */
    int32_t *plane;                             /* [bits]; the first threshold of a feature is in plane 0, the second in plane 1 */
    int32_t *piece;                             /* [bits] */
    int32_t *sorted, *items;                    /* [bits] those that are compared */
    int32_t *first;                             /* [keys + 1] */
    int32_t *start, *minus;                     /* [pieces] */
    int32_t n_compared, n_pieces;
} bits;

/* Sort by a key, least + 0, 1, ..., those of equal keys in the order they stand. */
static void sort_by(bits *b, const int32_t *key, int32_t least, int32_t n_keys)
{
    memset(b->first, 0, ((size_t)n_keys + 1u) * sizeof *b->first);
    for (int32_t i = 0; i < b->n_compared; i++) {
        b->first[key[b->sorted[i]] - least + 1]++;
    }
    for (int32_t k = 0; k < n_keys; k++) {
        b->first[k + 1] += b->first[k];
    }
    memcpy(b->items, b->sorted, (size_t)b->n_compared * sizeof *b->items);
    for (int32_t i = 0; i < b->n_compared; i++) {
        b->sorted[b->first[key[b->items[i]] - least]++] = b->items[i];
    }
}

/* Bits in the order of planes, those of a plane in the order of distances, then of features, and cut into pieces. */
static void cut_pieces(bits *b, int32_t width)
{
    int32_t planes = 0;

    sort_by(b, b->feature, 0, b->n_features);
    sort_by(b, b->distance, -b->n_features, 2 * b->n_features);
    for (int32_t i = 0; i < b->n_compared; i++) {
        const int32_t bit = b->sorted[i], before = i > 0 ? b->sorted[i - 1] : bit;
        const int again = i > 0 && b->feature[bit] == b->feature[before] && b->distance[bit] == b->distance[before];
        b->plane[bit] = again ? b->plane[before] + 1 : 0;
        planes = b->plane[bit] >= planes ? b->plane[bit] + 1 : planes;
    }
    sort_by(b, b->plane, 0, planes);
    for (int32_t i = 0; i < b->n_compared;) {
        const int32_t head = b->sorted[i], distance = b->distance[head];
        const int32_t last = b->n_features - width - (distance > 0 ? distance : 0);
        const int32_t left = b->feature[head] < last ? b->feature[head] : last;
        for (; i < b->n_compared; i++) {
            const int32_t bit = b->sorted[i];
            if (b->plane[bit] != b->plane[head] || b->distance[bit] != distance || b->feature[bit] >= left + width) {
                break;
            }
            b->piece[bit] = b->n_pieces;
        }
        b->start[b->n_pieces] = left;
        b->minus[b->n_pieces++] = left + distance;
    }
}

static void set_level(enum lgn_compared compared, void *levels, size_t column, int32_t level)
{
    switch (compared) {
    case LGN_FLOATS:
        ((int32_t *)levels)[column] = level;
        break;
    case LGN_EDGES:
        ((int16_t *)levels)[column] = (int16_t)level;
        break;
    default:
        ((uint8_t *)levels)[column] = (uint8_t)level;
    }
}

/* The tables of the pieces, each column with its level and slot. */
static enum lgn_status fill(const bits *b, int32_t width, int32_t n_slots, struct lgn_section *section)
{
    const struct lgn_pack_form *const form = &lgn_pack_forms[section->form];
    const int32_t per_group = SQUARE / width * form->together;
    const size_t size = section->compared == LGN_FLOATS ? 4u : section->compared == LGN_EDGES ? 2u : 1u;
    size_t pieces, columns;

    section->n_groups = (b->n_pieces + per_group - 1) / per_group;
    pieces = (size_t)section->n_groups * (size_t)per_group;
    columns = pieces * (size_t)width;
    section->start = calloc(pieces + 1u, sizeof *section->start);
    section->minus = calloc(pieces + 1u, sizeof *section->minus);
    section->column_slot = malloc((columns + 1u) * sizeof *section->column_slot);
    section->level = malloc((columns + 1u) * size);
    if (section->start == NULL || section->minus == NULL || section->column_slot == NULL || section->level == NULL) {
        return LGN_NO_MEMORY;
    }
    memcpy(section->start, b->start, (size_t)b->n_pieces * sizeof *b->start);
    memcpy(section->minus, b->minus, (size_t)b->n_pieces * sizeof *b->minus);
    for (size_t i = 0; i < columns; i++) { /* nothing is above these */
        section->column_slot[i] = n_slots;
        set_level(section->compared, section->level, i, section->compared == LGN_FLOATS ? INFINITY_KEY : 255);
    }
    for (int32_t i = 0; i < b->n_compared; i++) {
        const int32_t bit = b->sorted[i], piece = b->piece[bit];
        const size_t column = (size_t)piece * (size_t)width + (size_t)(b->feature[bit] - b->start[piece]);
        section->column_slot[column] = b->slot[bit];
        set_level(section->compared, section->level, column, b->level[bit]);
    }
    return LGN_OK;
}

static enum lgn_status make_vector(bits *b, int32_t width, int32_t n_slots, struct lgn_section *section)
{
    section->one_slot = malloc(((size_t)b->n_bits + 1u) * sizeof *section->one_slot);
    if (section->one_slot == NULL) {
        return LGN_NO_MEMORY;
    }
    for (int32_t i = 0; i < b->n_bits; i++) {
        if (section->compared == LGN_BYTES && b->level[i] < 0) {
            section->one_slot[section->n_ones++] = b->slot[i];
        } else {
            b->sorted[b->n_compared++] = i;
        }
    }
    cut_pieces(b, width);
    section->form = choose_form(section->compared, width, b->n_pieces);
    return fill(b, width, n_slots, section);
}

static enum lgn_status make_scalar(const bits *b, struct lgn_section *section)
{
    const size_t size = ((size_t)b->n_bits + 1u) * sizeof *b->feature;
    int32_t *const level = malloc(size);

    section->form = -1;
    section->level = level;
    section->feature = malloc(size);
    section->minus = malloc(size);
    section->slot = malloc(size);
    if (level == NULL || section->feature == NULL || section->minus == NULL || section->slot == NULL) {
        return LGN_NO_MEMORY;
    }
    for (int32_t i = 0; i < b->n_bits; i++) {
        level[i] = b->level[i];
        section->feature[i] = b->feature[i];
        section->minus[i] = b->feature[i] + b->distance[i];
        section->slot[i] = b->slot[i];
    }
    return LGN_OK;
}

/* The bits that are compared so, in slots where the encoder's bits `bit` go. */
static enum lgn_status make_section(const struct lgn_encoder *encoder, enum lgn_compared compared, const int32_t *bit,
                                    int32_t n_bits, int32_t n_slots, struct lgn_section *section)
{
    const size_t n = (size_t)n_bits + 1u, features = 2u * (size_t)encoder->n_features;
    const size_t keys = (features > n ? features : n) + 1u;
    int32_t *const memory = malloc((10u * n + keys) * sizeof *memory), reach = 0, width;
    enum lgn_status status;
    bits b = {.n_features = (int32_t)encoder->n_features};

    if (memory == NULL) {
        return LGN_NO_MEMORY;
    }
    int32_t **const arrays[] = {&b.slot,  &b.feature, &b.distance, &b.level, &b.plane,
                                &b.piece, &b.sorted,  &b.items,    &b.start, &b.minus};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i] = memory + i * n;
    }
    b.first = memory + 10u * n;
    for (int32_t i = 0; i < n_bits; i++) {
        const int32_t feature = encoder->feature[bit[i]], minus = encoder->minus == NULL ? -1 : encoder->minus[bit[i]];
        if ((minus >= 0) == (compared == LGN_EDGES)) {
            const int32_t distance = minus >= 0 ? minus - feature : 0, far = distance < 0 ? -distance : distance;
            reach = far > reach ? far : reach;
            b.slot[b.n_bits] = i;
            b.feature[b.n_bits] = feature;
            b.distance[b.n_bits] = distance;
            b.level[b.n_bits++] = level_of(compared, encoder->threshold[bit[i]]);
        }
    }
    section->compared = compared;
    section->n_bits = b.n_bits;
    width = piece_width(b.n_features - reach);
    status = width > 0 ? make_vector(&b, width, n_slots, section) : make_scalar(&b, section);
    free(memory);
    return status;
}

enum lgn_status lgn_make_comparisons(const struct lgn_encoder *encoder, const int32_t *bit, int32_t n_bits,
                                     int32_t n_slots, struct lgn_comparisons *comparisons)
{
    const enum lgn_compared compared[] = {encoder->is_float ? LGN_FLOATS : LGN_BYTES, LGN_EDGES};
    enum lgn_status status = LGN_OK;

    memset(comparisons, 0, sizeof *comparisons);
    if (encoder->n_features > INT32_MAX / LGN_BLOCK) {
        return LGN_TOO_LARGE;
    }
    comparisons->n_features = (int32_t)encoder->n_features;
    for (int32_t i = 0; i < (encoder->minus == NULL ? 1 : 2) && status == LGN_OK; i++) {
        struct lgn_section *const section = &comparisons->section[comparisons->n_sections++];
        status = make_section(encoder, compared[i], bit, n_bits, n_slots, section);
        if (status == LGN_OK && section->form >= 0 && lgn_pack_forms[section->form].extra_rows > comparisons->extra_rows) {
            comparisons->extra_rows = lgn_pack_forms[section->form].extra_rows;
        }
    }
    return status;
}

void lgn_free_comparisons(struct lgn_comparisons *comparisons)
{
    for (int32_t i = 0; i < comparisons->n_sections; i++) {
        const struct lgn_section *const section = &comparisons->section[i];
        free(section->start);
        free(section->column_slot);
        free(section->one_slot);
        free(section->feature);
        free(section->slot);
        free(section->minus);
        free(section->level);
    }
    memset(comparisons, 0, sizeof *comparisons);
}

void lgn_compare(const struct lgn_kernels *kernels, const struct lgn_comparisons *comparisons, const void *samples,
                 int32_t count, uint64_t *slots, int32_t n_slots)
{
    for (int32_t i = 0; i < comparisons->n_sections; i++) {
        const struct lgn_section *const s = &comparisons->section[i];
        if (s->form < 0) {
            kernels->pack_scalar[s->compared](samples, count, slots, s->feature, s->level, s->slot, s->minus,
                                              comparisons->n_features, s->n_bits);
        } else {
            kernels->pack[s->form](samples, count, slots, s->start, s->level, s->column_slot, s->one_slot, s->minus,
                                   comparisons->n_features, n_slots, s->n_groups, s->n_ones);
        }
    }
}
