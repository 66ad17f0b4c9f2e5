/* What lgn_edge/forms/rows/schedule.py and lgn_edge/forms/rows/gates.py do for an artifact: the very scheduler, and
   its result packed. CACHE_ROWS and LATENCY are given by the build, from the former. */

#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "schedule.c" /* as a part of this file, so that the compiler sees a change of its parameters */

#define TREE_PLANES 4 /* log2 of TREE: a tree of full adders reaches that many planes */
#define LANES_SHIFT 3
#define LARGEST_ROWS (INT32_MAX / LGN_LANES) /* kernels compute addresses in int32 */

int32_t lgn_counter_planes(int32_t group)
{
    int32_t planes = 0;
    for (; group > 0; group >>= 1) {
        planes++;
    }
    return planes < TREE_PLANES ? TREE_PLANES : planes;
}

static enum lgn_form form_for(int32_t n_rows)
{
    return n_rows <= 1 << (16 - LANES_SHIFT) ? LGN_NEAR : n_rows <= 1 << 16 ? LGN_NARROW : LGN_WIDE;
}

static int32_t wire_words(enum lgn_form form)
{
    return form == LGN_WIDE ? 2 : 1;
}

static void put_wires(enum lgn_form form, uint64_t *wires, int32_t dst, int32_t x, int32_t y, int32_t z)
{
    const uint64_t d = (uint64_t)dst, p = (uint64_t)x, q = (uint64_t)y, r = (uint64_t)z;

    if (form == LGN_WIDE) {
        wires[0] = d << LANES_SHIFT | p << (32 + LANES_SHIFT);
        wires[1] = q << LANES_SHIFT | r << (32 + LANES_SHIFT);
    } else {
        wires[0] = (d | p << 16 | q << 32 | r << 48) << (form == LGN_NEAR ? LANES_SHIFT : 0);
    }
}

/* Arrays of zeros that are freed together. */
typedef struct {
    void *array[32];
    int n;
    int missing;
} arrays;

static void *zeros(arrays *all, int64_t n, size_t size)
{
    void *const array = calloc(n > 0 ? (size_t)n : 1u, size);

    all->missing |= array == NULL;
    all->array[all->n++] = array;
    return array;
}

static void free_arrays(arrays *all)
{
    while (all->n > 0) {
        free(all->array[--all->n]);
    }
}

/* The trees' arrays, which the plan keeps; the stops with a zero in front. */
static int make_trees(const struct lgn_circuit *c, int32_t classes, struct lgn_plan *plan)
{
    const int32_t group = c->n_outputs / classes;
    const size_t most = (size_t)classes * ((size_t)(group - 1) / TREE + 1u);

    plan->tree_row = calloc(most * TREE, sizeof(int32_t));
    plan->tree_stop = calloc(most + 1u, sizeof(int32_t));
    plan->tree_class = calloc(most, sizeof(int32_t));
    plan->tree_inverted = calloc(most, sizeof(int32_t));
    plan->base = calloc((size_t)classes, sizeof(int32_t));
    return plan->base != NULL && plan->tree_row != NULL && plan->tree_stop != NULL && plan->tree_class != NULL &&
           plan->tree_inverted != NULL;
}

/* Wires from the order that the scheduler found, and first words of the trees' rows. */
static enum lgn_status pack_wires(int32_t n_gates, const int32_t *dst, const int32_t *x, const int32_t *y,
                                  const int32_t *z, struct lgn_plan *plan)
{
    const size_t words = (size_t)wire_words(plan->form);

    plan->wires = malloc((n_gates > 0 ? (size_t)n_gates : 1u) * words * sizeof *plan->wires);
    if (plan->wires == NULL) {
        return LGN_NO_MEMORY;
    }
    for (int32_t g = 0; g < n_gates; g++) {
        put_wires(plan->form, plan->wires + (size_t)g * words, dst[g], x[g], y[g], z[g]);
    }
    for (int64_t i = 0; i < (int64_t)plan->n_trees * TREE; i++) {
        plan->tree_row[i] *= LGN_LANES;
    }
    return LGN_OK;
}

static void count_constants(const struct lgn_circuit *c, int32_t classes, int32_t *base)
{
    const int32_t group = c->n_outputs / classes;

    for (int32_t o = 0; o < c->n_outputs; o++) {
        base[o / group] += c->output[o] < 0 && c->inverted[o];
    }
}

static enum lgn_status schedule(const struct lgn_circuit *c, int32_t classes, struct lgn_plan *plan)
{
    const int64_t signals = (int64_t)c->n_inputs + c->n_gates, gates = c->n_gates;
    arrays all = {{NULL}, 0, 0};
    int32_t *dst = zeros(&all, gates, 4), *x = zeros(&all, gates, 4);
    int32_t *y = zeros(&all, gates, 4), *z = zeros(&all, gates, 4);
    int32_t *gate_x = zeros(&all, gates, 4), *gate_y = zeros(&all, gates, 4), *gate_z = zeros(&all, gates, 4);
    int32_t *first_reader = zeros(&all, signals + 1, 4), *end_reader = zeros(&all, signals, 4);
    int32_t *readers = zeros(&all, 3 * gates, 4);
    uint8_t *state = zeros(&all, signals, 1);
    int32_t *left = zeros(&all, signals, 4), *slot = zeros(&all, signals, 4);
    int32_t *free_slots = zeros(&all, signals + 1, 4);
    uint32_t *stamp = zeros(&all, signals + 1, 4);
    void *stacks = zeros(&all, lgn_schedule_stack_bytes(), 1);
    int32_t *order = zeros(&all, gates, 4), *first_output = zeros(&all, signals + 1, 4);
    int32_t *output_by_signal = zeros(&all, c->n_outputs, 4);
    int32_t *pending = zeros(&all, (int64_t)classes * TREE, 4), *n_pending = zeros(&all, classes, 4);
    enum lgn_status status = all.missing || !make_trees(c, classes, plan) ? LGN_NO_MEMORY : LGN_OK;

    if (status == LGN_OK) {
        const int32_t n_gates = lgn_uniform_gates(c->n_inputs, c->n_gates, c->op, c->a, c->b, c->n_outputs, c->output,
                                                  gate_x, gate_y, gate_z, left, slot);
        count_constants(c, classes, plan->base);
        plan->n_slots = lgn_schedule_uniform(
            c->n_inputs, n_gates, gate_x, gate_y, gate_z, c->n_outputs, classes, c->output, c->inverted, CACHE_ROWS,
            LATENCY, first_reader, end_reader, readers, state, left, slot, free_slots, stamp, stacks, order,
            first_output, output_by_signal, pending, n_pending, dst, x, y, z, plan->tree_row, plan->tree_stop + 1,
            plan->tree_class, plan->tree_inverted, &plan->n_trees);
        plan->form = form_for(plan->n_slots);
        status = plan->n_slots > LARGEST_ROWS ? LGN_TOO_LARGE : pack_wires(n_gates, dst, x, y, z, plan);
    }
    free_arrays(&all);
    return status;
}

enum lgn_status lgn_make_plan(const struct lgn_layers *layers, int32_t classes, struct lgn_plan *plan,
                              struct lgn_fault *fault)
{
    struct lgn_circuit circuit;
    enum lgn_status status;

    memset(plan, 0, sizeof *plan);
    status = lgn_make_circuit(layers, &circuit, fault);
    if (status == LGN_OK) {
        plan->classes = classes;
        plan->n_planes = lgn_counter_planes(circuit.n_outputs / classes);
        plan->n_inputs = circuit.n_inputs;
        plan->input_bit = circuit.input_bit;
        circuit.input_bit = NULL;
        status = schedule(&circuit, classes, plan);
    }
    lgn_free_circuit(&circuit);
    return status;
}

void lgn_free_plan(struct lgn_plan *plan)
{
    free(plan->input_bit);
    free(plan->wires);
    free(plan->tree_row);
    free(plan->tree_stop);
    free(plan->tree_class);
    free(plan->tree_inverted);
    free(plan->base);
    memset(plan, 0, sizeof *plan);
}
