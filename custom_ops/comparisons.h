/* The comparisons of an encoder as the pack kernels take them. */

#ifndef LGN_COMPARISONS_H
#define LGN_COMPARISONS_H

#include <stdint.h>

#include "circuit.h"
#include "kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bit i is `sample[feature[i]] > threshold[i]` of samples of bytes or floats; of bytes, where `minus` is not NULL and
   minus[i] not -1, it is an edge, `sample[feature[i]] - sample[minus[i]] > threshold[i]`. */
struct lgn_encoder {
    int32_t is_float, n_bits;
    int64_t n_features;
    const int32_t *feature, *minus;
    const float *threshold;
};

/* Bits that are compared alike: edges, or the others. */
struct lgn_section {
    enum lgn_compared compared;
    int32_t n_bits;
    int32_t form; /* an index into lgn_pack_forms, or -1: one comparison at a time */
    int32_t n_groups, n_ones;
    int32_t *start, *column_slot, *one_slot; /* of vector comparisons */
    int32_t *feature, *slot;                 /* of those one at a time */
    int32_t *minus;                          /* of edges: where each piece begins to subtract, or what each bit does */
    void *level;                             /* uint8 in vectors of bytes, int16 in those of edges, else int32 */
};

struct lgn_comparisons {
    int32_t n_features;
    int32_t extra_rows; /* behind the slots, that packing works in */
    int32_t n_sections;
    struct lgn_section section[2];
};

/* What must be done to load the encoder's bits `bit` into slots 0 to n_bits - 1; slot n_slots is read by nobody. To be
   freed by `lgn_free_comparisons` whatever comes back. */
enum lgn_status lgn_make_comparisons(const struct lgn_encoder *encoder, const int32_t *bit, int32_t n_bits,
                                     int32_t n_slots, struct lgn_comparisons *comparisons);
void lgn_free_comparisons(struct lgn_comparisons *comparisons);

/* Encode `count` samples, 0..LGN_BLOCK. */
void lgn_compare(const struct lgn_kernels *kernels, const struct lgn_comparisons *comparisons, const void *samples,
                 int32_t count, uint64_t *slots, int32_t n_slots);

#ifdef __cplusplus
}
#endif

#endif
