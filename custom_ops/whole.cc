#include "whole.h"

namespace lgn {
namespace {

constexpr int32_t most_outputs = INT32_MAX / LGN_LANES / 8;  // each has a few rows of counters

}  // namespace

OrtStatus *Whole::create(const Node &node, int32_t classes)
{
    Matrix x;
    LGN_TRY(node.matrix(0, "x", &x));
    packed = x.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    if (!packed && x.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT &&
        x.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 && x.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL) {
        return who.error("the input x must be float32, uint8 or bool samples, or packed bits int64");
    }
    LGN_TRY(read_bits(node));
    if (packed && x.rows >= 0 && x.rows != bits) {
        return bad_bits(x.rows);
    }
    if (!packed) {
        LGN_TRY(encoder.create(node, x, 1, first_wires_ - 1, minus_));
        if (encoder.bits() != bits) {
            return bad_bits(encoder.bits());
        }
    }
    LGN_TRY(read_layers(node, classes));
    if (!packed) {
        const lgn_comparisons *unused;
        LGN_TRY(encoder.load(who, plan.input_bit, plan.n_inputs, plan.n_slots));
        return x.columns < 0 ? nullptr : encoder.comparisons(who, x.columns, &unused);
    }
    return nullptr;
}

OrtStatus *Whole::read_bits(const Node &node)
{
    int64_t found;
    LGN_TRY(node.attribute("bits", &found));
    if (found < 1 || found > INT32_MAX / LGN_LANES - 1) {
        return who.error("there are %lld bits; give 1 to %d", static_cast<long long>(found),
                         INT32_MAX / LGN_LANES - 1);
    }
    bits = static_cast<int32_t>(found);
    return nullptr;
}

OrtStatus *Whole::bad_bits(int64_t found) const
{
    return who.error("there are %lld bits; the attribute bits is %d", static_cast<long long>(found), bits);
}

OrtStatus *Whole::read_layers(const Node &node, int32_t classes)
{
    const size_t n_wires = node.inputs() > first_wires_ ? node.inputs() - first_wires_ : 0;
    if (n_wires == 0 || n_wires % wires_of_layer != 0) {
        return who.error("there are %zu inputs behind threshold; give a, b and table of each layer", n_wires);
    }
    const size_t n_layers = n_wires / wires_of_layer;
    lgn_wiring *const wiring = static_cast<lgn_wiring *>(calloc(n_layers, sizeof *wiring));
    if (wiring == nullptr) {
        return who.no_memory();
    }
    OrtStatus *status = nullptr;
    for (size_t i = 0; i < n_layers && status == nullptr; i++) {
        status = read_layer(node, i, &wiring[i]);
    }
    if (status == nullptr) {
        status = make_plan({bits, static_cast<int32_t>(n_layers), wiring}, classes);
    }
    free(wiring);
    return status;
}

OrtStatus *Whole::read_layer(const Node &node, size_t layer, lgn_wiring *wiring) const
{
    const size_t first = first_wires_ + wires_of_layer * layer;
    Vector<int32_t> a, b;
    Vector<uint8_t> table;
    LGN_TRY(node.constant(first, "a", &a));
    LGN_TRY(node.constant(first + 1, "b", &b));
    LGN_TRY(node.constant(first + 2, "table", &table));
    if (a.size < 1 || a.size != b.size || a.size != table.size) {
        return who.error("layer %zu has %lld a, %lld b and %lld tables; give one each a gate, at least one", layer,
                         static_cast<long long>(a.size), static_cast<long long>(b.size),
                         static_cast<long long>(table.size));
    }
    *wiring = {a.size, a.data, b.data, table.data};
    return nullptr;
}

OrtStatus *Whole::make_plan(const lgn_layers &layers, int32_t classes)
{
    const int64_t outputs = layers.layer[layers.n_layers - 1].width;
    if (classes != each_output && outputs % classes != 0) {
        return who.error("%d classes do not divide %lld signals", classes, static_cast<long long>(outputs));
    }
    if (classes == each_output && outputs > most_outputs) {
        return who.error("there are %lld outputs; give at most %d", static_cast<long long>(outputs), most_outputs);
    }
    lgn_fault fault;
    switch (lgn_make_plan(&layers, classes == each_output ? static_cast<int32_t>(outputs) : classes, &plan, &fault)) {
    case LGN_OK:
        return nullptr;
    case LGN_NO_MEMORY:
        return who.no_memory();
    case LGN_TOO_LARGE:
        return who.error("the network is too large: kernels reach %d rows of signals", INT32_MAX / LGN_LANES);
    case LGN_BAD_TABLE:
        return who.error("layer %d: table[%lld] is %lld; a gate is 0 to 15", fault.layer,
                         static_cast<long long>(fault.gate), static_cast<long long>(fault.value));
    case LGN_BAD_WIRE:
        break;
    }
    return who.error("layer %d: %c[%lld] is %lld; the signals before it are 0 to %lld", fault.layer, fault.wire,
                     static_cast<long long>(fault.gate), static_cast<long long>(fault.value),
                     static_cast<long long>(fault.limit - 1));
}

OrtStatus *Whole::check(const Matrix &x) const
{
    if (!packed) {
        return encoder.check(who, x);
    }
    if (x.rows != bits) {
        return bad_bits(x.rows);
    }
    if (x.columns > INT32_MAX / x.rows) {
        return who.error("%lld words of %lld bits are too many for one call; give fewer samples",
                         static_cast<long long>(x.columns), static_cast<long long>(x.rows));
    }
    return nullptr;
}

void Whole::fill(const Matrix &x, const lgn_comparisons *comparisons, int64_t block, int32_t count, uint64_t *slots) const
{
    if (packed) {
        kernels->load(static_cast<const uint64_t *>(x.data) + block * LGN_LANES, static_cast<int32_t>(x.columns),
                      (count + LGN_WORD_BITS - 1) / LGN_WORD_BITS, slots, plan.input_bit, plan.n_inputs);
    } else {
        const size_t first = static_cast<size_t>(block) * LGN_BLOCK;
        lgn_compare(kernels, comparisons,
                    static_cast<const char *>(x.data) + first * encoder.sample_bytes(x.columns), count, slots,
                    plan.n_slots);
    }
}

void Whole::run_gates(uint64_t *slots) const
{
    kernels->gates[plan.form](slots, plan.wires, plan.tree_row, plan.tree_stop, plan.tree_class, plan.tree_inverted,
                              plan.base, plan.n_slots, plan.n_inputs, plan.n_trees, plan.classes, plan.n_planes);
}

}  // namespace lgn
