/* The compiled kernels, as any_network.py, layers.py and image_layers.py in lgn_edge/forms/rows define them. Each works on one block of up to
   LGN_BLOCK samples; a row is LGN_LANES words, aligned to LGN_ROW_BYTES. */

#ifndef LGN_KERNELS_H
#define LGN_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LGN_WORD_BITS 64
#define LGN_LANES 8
#define LGN_BLOCK (LGN_WORD_BITS * LGN_LANES)
#define LGN_ROW_BYTES (LGN_BLOCK / 8)
#define LGN_WIDE_ROWS 2 /* rows that the wide kernels of a layer take for one */

/* How the four rows of a gate lie in 64-bit words: 16-bit fields that hold first words of rows or, where these do not
   fit, rows; 32-bit fields that hold first words. */
enum lgn_form { LGN_NEAR, LGN_NARROW, LGN_WIDE, LGN_FORMS };

typedef void lgn_pack(const void *samples, int32_t count, uint64_t *slots, const int32_t *start, const void *level,
                      const int32_t *column_slot, const int32_t *one_slot, const int32_t *minus, int32_t n_features,
                      int32_t n_slots, int32_t n_groups, int32_t n_ones);
typedef void lgn_pack_scalar(const void *samples, int32_t count, uint64_t *slots, const int32_t *feature,
                             const int32_t *level, const int32_t *slot, const int32_t *minus, int32_t n_features,
                             int32_t n_bits);
typedef void lgn_load(const uint64_t *words, int32_t stride, int32_t count, uint64_t *slots, const int32_t *bit,
                      int32_t n);
typedef void lgn_gates(uint64_t *slots, const uint64_t *wires, const int32_t *tree_row, const int32_t *tree_stop,
                       const int32_t *tree_class, const int32_t *tree_inverted, const int32_t *base, int32_t n_slots,
                       int32_t zero_slot, int32_t n_trees, int32_t classes, int32_t n_planes);
typedef void lgn_sum(const uint64_t *slots, int32_t count, int32_t *scores, uint16_t *classes, int32_t first,
                     int32_t n_classes, int32_t n_planes);
typedef void lgn_read(const uint64_t *words, int64_t stride, int32_t count, uint64_t *slots, int32_t n);
typedef void lgn_write(const uint64_t *slots, uint64_t *words, int64_t stride, int32_t count, uint64_t last, int32_t n);
typedef void lgn_layer(uint64_t *slots, const uint64_t *wires, uint64_t *words, int64_t stride, int32_t count,
                       int32_t n_inputs, int32_t n_plain, int32_t n_gates);
typedef void lgn_count(const uint64_t *words, int64_t stride, int32_t n_blocks, uint64_t *counters, int32_t classes,
                       int32_t group, int32_t n_planes);
typedef void lgn_convolution(uint64_t *slots, const int32_t *tap, const uint64_t *mask, uint64_t *words, int64_t stride,
                             int32_t count, int32_t kernels, int32_t leaves, int32_t scratch, int32_t rows,
                             int32_t columns, int32_t down, int32_t right);
typedef void lgn_pool(uint64_t *slots, const int32_t *tap, uint64_t *words, int64_t stride, int32_t count,
                      int32_t channels, int32_t plane, int32_t taps, int32_t rows, int32_t columns, int32_t down,
                      int32_t right);

/* What is compared with a level: bytes, floats, differences of two bytes. */
enum lgn_compared { LGN_BYTES, LGN_FLOATS, LGN_EDGES, LGN_COMPARED };

/* Vector comparisons, of `width` features at a time and `together` blocks of 64 columns. */
struct lgn_pack_form {
    int32_t compared, width, together, extra_rows;
};

extern const struct lgn_pack_form lgn_pack_forms[];
extern const int32_t lgn_n_pack_forms;
extern const int32_t lgn_gates_ahead; /* gates whose wires a layer's kernel reads before their turn */

/* The kernels of one level of the processor. */
struct lgn_kernels {
    lgn_pack *const *pack; /* in the order of lgn_pack_forms */
    lgn_pack_scalar *pack_scalar[LGN_COMPARED];
    lgn_load *load;
    lgn_gates *gates[LGN_FORMS];
    lgn_sum *sum;
    lgn_read *read[LGN_WIDE_ROWS]; /* of rows, of two rows for one */
    lgn_write *write;
    lgn_layer *layer[2 * LGN_WIDE_ROWS]; /* with 16-bit and 32-bit wires; then those of two rows for one */
    lgn_count *count;
    lgn_convolution *convolution;
    lgn_pool *pool;
};

/* Those of the best level that this processor has, or NULL when it has none of them. */
const struct lgn_kernels *lgn_best_kernels(void);

#ifdef __cplusplus
}
#endif

#endif
