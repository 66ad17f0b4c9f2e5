/* A circuit in the order it runs in, with tables as the kernels take them. */

#ifndef LGN_PLAN_H
#define LGN_PLAN_H

#include "circuit.h"
#include "kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Live input `input_bit[i]` is loaded into slot i; the slot behind them holds zeros; the counters of class c are the rows
   from n_slots + c * n_planes on. */
struct lgn_plan {
    int32_t n_inputs, n_slots, n_trees, classes, n_planes;
    int32_t *input_bit;
    enum lgn_form form;
    uint64_t *wires;
    int32_t *tree_row, *tree_stop, *tree_class, *tree_inverted;
    int32_t *base; /* [classes] what counting begins with: outputs that are always 1 */
};

/* Planes that a class needs to count up to `group`. */
int32_t lgn_counter_planes(int32_t group);

/* Plan layers whose last one is counted for `classes`, to be freed by `lgn_free_plan` whatever comes back. */
enum lgn_status lgn_make_plan(const struct lgn_layers *layers, int32_t classes, struct lgn_plan *plan,
                              struct lgn_fault *fault);
void lgn_free_plan(struct lgn_plan *plan);

#ifdef __cplusplus
}
#endif

#endif
