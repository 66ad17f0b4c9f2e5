/* A logic gate network as a small circuit: what is constant, a wire, a complement or there already is no gate. */

#ifndef LGN_CIRCUIT_H
#define LGN_CIRCUIT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A layer: gate g is `table[g]` of the signals `a[g]` and `b[g]` of the layer before. */
struct lgn_wiring {
    int64_t width; /* gates, at least one */
    const int32_t *a, *b;
    const uint8_t *table;
};

/* Layers, one behind the other. */
struct lgn_layers {
    int32_t n_bits;   /* signals that the first layer reads */
    int32_t n_layers; /* at least one */
    const struct lgn_wiring *layer;
};

/* AND, AND-NOT, OR, XOR of two signals: 0 when all inputs are 0, as every signal is. Signals are the inputs that are
   read, then the gates in topological order. */
struct lgn_circuit {
    int32_t n_inputs, n_gates, n_outputs;
    int32_t *input_bit; /* [inputs] ascending, at least one */
    uint8_t *op;        /* [gates] an index into AND, AND-NOT, OR, XOR */
    int32_t *a, *b;     /* [gates] */
    int32_t *output;    /* [outputs] the signal of each; -1: always 0 */
    uint8_t *inverted;  /* [outputs] whether the output is its complement */
};

enum lgn_status { LGN_OK, LGN_NO_MEMORY, LGN_TOO_LARGE, LGN_BAD_WIRE, LGN_BAD_TABLE };

/* Where something is wrong. */
struct lgn_fault {
    int32_t layer; /* from 0 */
    int64_t gate;  /* of the layer */
    char wire;     /* 'a' or 'b' */
    int64_t value, limit;
};

/* Check the layers, and make a circuit of them, to be freed by `lgn_free_circuit` whatever comes back. */
enum lgn_status lgn_make_circuit(const struct lgn_layers *layers, struct lgn_circuit *circuit,
                                 struct lgn_fault *fault);
void lgn_free_circuit(struct lgn_circuit *circuit);

#ifdef __cplusplus
}
#endif

#endif
