/* Value numbering in one pass. A signal is a literal, `2 * node + complement`; a node is 0 when all inputs are 0, so that
   only AND, AND-NOT, OR and XOR are left of the sixteen gates, and a gate and its complement are one node. */

#include "circuit.h"

#include <stdlib.h>
#include <string.h>

#define ZERO 0       /* the node that is always 0; inputs are the nodes from 1 on, gates those behind them */
#define BATCH 64     /* gates whose places in the table are fetched together */
#define LARGEST (1 << 30) /* nodes: a literal is an int32 */
#define AND 0u
#define AND_NOT 1u
#define OR 2u
#define XOR 3u
#define NO_GATE 4u

typedef struct {
    int32_t n_nodes, first_gate;
    uint8_t *op;
    int32_t *a, *b; /* [nodes] from first_gate on */
    uint64_t *bucket; /* 32 bits of the hash, the node; 0 is free */
    uint64_t mask;
} numbering;

/* A gate on its way to a node: `op` of the nodes `a` and `b`, or NO_GATE and the literal `a`. */
typedef struct {
    uint32_t op;
    int32_t a, b, complement;
    uint64_t hash;
} candidate;

/* f'(a, b) = f(~a, b), f(a, ~b); a table is 8*f(0,0) + 4*f(0,1) + 2*f(1,0) + f(1,1). */
static uint32_t complement_a(uint32_t table)
{
    return (table >> 2 | table << 2) & 15u;
}

static uint32_t complement_b(uint32_t table)
{
    return (table >> 1 & 5u) | (table << 1 & 10u);
}

static candidate literal(int32_t value)
{
    const candidate none = {NO_GATE, value, 0, 0, 0};
    return none;
}

static uint64_t hash_of(uint32_t op, int32_t a, int32_t b)
{
    uint64_t key = ((uint64_t)(uint32_t)a << 32 | (uint32_t)b) * 4u + op;
    key ^= (uint64_t)(uint32_t)a >> 30;
    key *= 0x9E3779B97F4A7C15u;
    key ^= key >> 32;
    key *= 0xD6E8FEB86659FD93u;
    return key ^ key >> 32;
}

/* The gate `table` of two literals with complements and constants absorbed, and inputs in one order. */
static candidate normal(uint32_t table, int32_t a, int32_t b)
{
    uint32_t complement;
    candidate gate;

    if (a & 1) {
        table = complement_a(table);
    }
    if (b & 1) {
        table = complement_b(table);
    }
    a >>= 1;
    b >>= 1;
    complement = table >> 3;
    table ^= complement != 0u ? 15u : 0u;
    if (a == b) {
        table = table & 1u ? 3u : 0u; /* a, or 0 */
    } else if (a == ZERO) {
        table = table & 4u ? 5u : 0u; /* b, or 0 */
    } else if (b == ZERO) {
        table = table & 2u ? 3u : 0u;
    }
    switch (table) {
    case 0:
        return literal(2 * ZERO + (int32_t)complement);
    case 3:
        return literal(2 * a + (int32_t)complement);
    case 5:
        return literal(2 * b + (int32_t)complement);
    default:
        break;
    }
    if (table == 4u || (table != 2u && a > b)) { /* ~a & b is b & ~a; the others are the same both ways */
        const int32_t first = a;
        a = b;
        b = first;
    }
    gate.op = table == 1u ? AND : table == 7u ? OR : table == 6u ? XOR : AND_NOT;
    gate.a = a;
    gate.b = b;
    gate.complement = (int32_t)complement;
    gate.hash = hash_of(gate.op, a, b);
    return gate;
}

static int32_t node_of(numbering *n, const candidate *gate)
{
    const uint64_t tag = gate->hash & 0xFFFFFFFF00000000u;
    uint64_t place = gate->hash & n->mask;

    for (; n->bucket[place] != 0u; place = (place + 1u) & n->mask) {
        if ((n->bucket[place] & 0xFFFFFFFF00000000u) == tag) {
            const int32_t node = (int32_t)(n->bucket[place] & 0xFFFFFFFFu), g = node - n->first_gate;
            if (n->op[g] == gate->op && n->a[g] == gate->a && n->b[g] == gate->b) {
                return node;
            }
        }
    }
    n->bucket[place] = tag | (uint64_t)n->n_nodes;
    n->op[n->n_nodes - n->first_gate] = (uint8_t)gate->op;
    n->a[n->n_nodes - n->first_gate] = gate->a;
    n->b[n->n_nodes - n->first_gate] = gate->b;
    return n->n_nodes++;
}

static enum lgn_status bad_wire(struct lgn_fault *fault, int32_t layer, int64_t gate, char wire, int32_t value,
                                int64_t limit)
{
    fault->layer = layer;
    fault->gate = gate;
    fault->wire = wire;
    fault->value = value;
    fault->limit = limit;
    return LGN_BAD_WIRE;
}

static enum lgn_status check_gate(const struct lgn_wiring *wiring, int64_t gate, int64_t limit, int32_t layer,
                                  struct lgn_fault *fault)
{
    if (wiring->a[gate] < 0 || wiring->a[gate] >= limit) {
        return bad_wire(fault, layer, gate, 'a', wiring->a[gate], limit);
    }
    if (wiring->b[gate] < 0 || wiring->b[gate] >= limit) {
        return bad_wire(fault, layer, gate, 'b', wiring->b[gate], limit);
    }
    if (wiring->table[gate] > 15) {
        (void)bad_wire(fault, layer, gate, 'a', wiring->table[gate], 16);
        return LGN_BAD_TABLE;
    }
    return LGN_OK;
}

/* The literals of a layer from those of the layer before. */
static enum lgn_status number_layer(numbering *n, const struct lgn_wiring *wiring, int32_t layer,
                                    const int32_t *before, int64_t width_before, int32_t *after,
                                    struct lgn_fault *fault)
{
    candidate gates[BATCH];

    for (int64_t start = 0; start < wiring->width; start += BATCH) {
        const int64_t left = wiring->width - start, count = left < BATCH ? left : BATCH;
        for (int64_t i = 0; i < count; i++) {
            const int64_t g = start + i;
            const enum lgn_status status = check_gate(wiring, g, width_before, layer, fault);
            if (status != LGN_OK) {
                return status;
            }
            gates[i] = normal(wiring->table[g], before[wiring->a[g]], before[wiring->b[g]]);
            __builtin_prefetch(&n->bucket[gates[i].hash & n->mask], 1);
        }
        for (int64_t i = 0; i < count; i++) {
            after[start + i] = gates[i].op == NO_GATE ? gates[i].a : 2 * node_of(n, &gates[i]) + gates[i].complement;
        }
    }
    return LGN_OK;
}

/* The literals of the last layer in *outputs, which is the caller's to free. */
static enum lgn_status number(numbering *n, const struct lgn_layers *layers, int32_t **outputs,
                              struct lgn_fault *fault)
{
    int32_t *before = malloc((size_t)layers->n_bits * sizeof *before), *after;
    int64_t width = layers->n_bits;
    enum lgn_status status = LGN_OK;

    if (before == NULL) {
        return LGN_NO_MEMORY;
    }
    for (int32_t i = 0; i < layers->n_bits; i++) {
        before[i] = 2 * (1 + i);
    }
    for (int32_t layer = 0; layer < layers->n_layers; layer++) {
        const struct lgn_wiring *const wiring = &layers->layer[layer];
        after = malloc((size_t)wiring->width * sizeof *after);
        status = after == NULL ? LGN_NO_MEMORY : number_layer(n, wiring, layer, before, width, after, fault);
        free(before);
        before = after;
        if (status != LGN_OK) {
            break;
        }
        width = wiring->width;
    }
    *outputs = before;
    return status;
}

/* live[node] for all that outputs see. */
static void mark(const numbering *n, const int32_t *outputs, int32_t n_outputs, uint8_t *live)
{
    for (int32_t i = 0; i < n_outputs; i++) {
        live[outputs[i] >> 1] = 1;
    }
    for (int32_t node = n->n_nodes - 1; node >= n->first_gate; node--) {
        if (live[node]) {
            live[n->a[node - n->first_gate]] = 1;
            live[n->b[node - n->first_gate]] = 1;
        }
    }
}

/* Keep what is live, as the signals of the circuit. */
static enum lgn_status keep(numbering *n, const struct lgn_layers *layers, int32_t *outputs, int32_t n_outputs,
                            struct lgn_circuit *circuit)
{
    uint8_t *const live = calloc((size_t)n->n_nodes, 1);
    int32_t *const signal = malloc((size_t)n->n_nodes * sizeof *signal);
    int32_t n_inputs = 0, n_gates = 0;

    circuit->input_bit = malloc((size_t)layers->n_bits * sizeof *circuit->input_bit);
    circuit->inverted = malloc((size_t)n_outputs);
    if (live == NULL || signal == NULL || circuit->input_bit == NULL || circuit->inverted == NULL) {
        free(live);
        free(signal);
        return LGN_NO_MEMORY;
    }
    mark(n, outputs, n_outputs, live);
    for (int32_t bit = 0; bit < layers->n_bits; bit++) {
        if (live[1 + bit]) {
            circuit->input_bit[n_inputs] = bit;
            signal[1 + bit] = n_inputs++;
        }
    }
    if (n_inputs == 0) {
        circuit->input_bit[n_inputs++] = 0;
    }
    signal[ZERO] = -1; /* no gate reads it */
    for (int32_t node = n->first_gate; node < n->n_nodes; node++) {
        if (live[node]) {
            const int32_t at = node - n->first_gate;
            n->op[n_gates] = n->op[at];
            n->a[n_gates] = signal[n->a[at]];
            n->b[n_gates] = signal[n->b[at]];
            signal[node] = n_inputs + n_gates++;
        }
    }
    for (int32_t i = 0; i < n_outputs; i++) {
        circuit->inverted[i] = (uint8_t)(outputs[i] & 1);
        outputs[i] = signal[outputs[i] >> 1];
    }
    circuit->n_inputs = n_inputs;
    circuit->n_gates = n_gates;
    free(live);
    free(signal);
    return LGN_OK;
}

enum lgn_status lgn_make_circuit(const struct lgn_layers *layers, struct lgn_circuit *circuit,
                                 struct lgn_fault *fault)
{
    numbering n = {1 + layers->n_bits, 1 + layers->n_bits, NULL, NULL, NULL, NULL, 0u};
    int64_t total = 0;
    size_t places = 64;
    enum lgn_status status;

    memset(circuit, 0, sizeof *circuit);
    for (int32_t layer = 0; layer < layers->n_layers; layer++) {
        if (layers->layer[layer].width >= LARGEST - layers->n_bits - 1 - total) {
            return LGN_TOO_LARGE;
        }
        total += layers->layer[layer].width;
    }
    while (places < 2u * (size_t)total) {
        places *= 2u;
    }
    n.mask = places - 1u;
    circuit->n_outputs = (int32_t)layers->layer[layers->n_layers - 1].width;
    circuit->op = n.op = malloc((size_t)total);
    circuit->a = n.a = malloc((size_t)total * sizeof *n.a);
    circuit->b = n.b = malloc((size_t)total * sizeof *n.b);
    n.bucket = calloc(places, sizeof *n.bucket);
    if (n.op == NULL || n.a == NULL || n.b == NULL || n.bucket == NULL) {
        free(n.bucket);
        return LGN_NO_MEMORY;
    }
    status = number(&n, layers, &circuit->output, fault);
    free(n.bucket);
    return status == LGN_OK ? keep(&n, layers, circuit->output, circuit->n_outputs, circuit) : status;
}

void lgn_free_circuit(struct lgn_circuit *circuit)
{
    free(circuit->input_bit);
    free(circuit->op);
    free(circuit->a);
    free(circuit->b);
    free(circuit->output);
    free(circuit->inverted);
    memset(circuit, 0, sizeof *circuit);
}
