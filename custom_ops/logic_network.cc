// LogicNetwork: a whole network in one node, planned when the session is created.

#include "encoder.h"
#include "head.h"
#include "ops.h"
#include "plan.h"

namespace lgn {
namespace {

constexpr size_t first_wires = 3;  // inputs: x, feature, threshold, then a, b and table of each layer
constexpr int wires_of_layer = 3;

struct LogicNetwork {
    static constexpr const char *name = "LogicNetwork";
    static constexpr ONNXTensorElementDataType inputs[] = {
        ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED};
    static constexpr ONNXTensorElementDataType outputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
                                                            ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                                                            ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr size_t required_inputs = 1, required_outputs = 0;
    static constexpr int variadic_inputs = wires_of_layer;
    static constexpr bool may_be_in_place = false;

    explicit LogicNetwork(const Name &name) : who(name) {}
    ~LogicNetwork() { lgn_free_plan(&plan); }

    OrtStatus *create(const Node &node)
    {
        Matrix x;
        LGN_TRY(node.matrix(0, "x", &x));
        LGN_TRY(head.create(node));
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
            LGN_TRY(encoder.create(node, x, 1, 2));
            if (encoder.bits() != bits) {
                return bad_bits(encoder.bits());
            }
        }
        LGN_TRY(read_layers(node));
        if (!packed) {
            const lgn_comparisons *unused;
            LGN_TRY(encoder.load(who, plan.input_bit, plan.n_inputs, plan.n_slots));
            return x.columns < 0 ? nullptr : encoder.comparisons(who, x.columns, &unused);
        }
        return nullptr;
    }

    OrtStatus *read_bits(const Node &node)
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

    OrtStatus *bad_bits(int64_t found) const
    {
        return who.error("there are %lld bits; the attribute bits is %d", static_cast<long long>(found), bits);
    }

    OrtStatus *read_layers(const Node &node)
    {
        const size_t n_wires = node.inputs() > first_wires ? node.inputs() - first_wires : 0;
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
            status = make_plan({bits, static_cast<int32_t>(n_layers), wiring});
        }
        free(wiring);
        return status;
    }

    OrtStatus *read_layer(const Node &node, size_t layer, lgn_wiring *wiring) const
    {
        const size_t first = first_wires + wires_of_layer * layer;
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

    OrtStatus *make_plan(const lgn_layers &layers)
    {
        const int64_t outputs = layers.layer[layers.n_layers - 1].width;
        if (outputs % head.classes != 0) {
            return who.error("%d classes do not divide %lld signals", head.classes, static_cast<long long>(outputs));
        }
        lgn_fault fault;
        switch (lgn_make_plan(&layers, head.classes, &plan, &fault)) {
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

    OrtStatus *compute(const Call &call)
    {
        Matrix x;
        const lgn_comparisons *comparisons = nullptr;
        Outputs to;
        LGN_TRY(call.matrix(0, "x", &x));
        LGN_TRY(check(x));
        if (!packed) {
            LGN_TRY(encoder.comparisons(who, x.columns, &comparisons));
        }
        const int64_t n = packed ? x.columns * LGN_WORD_BITS : x.rows, dims[] = {n, head.classes};
        LGN_TRY(call.output(0, dims, 2, &to.scores));
        LGN_TRY(call.output(1, dims, 2, &to.logits));
        LGN_TRY(call.output(2, dims, 1, &to.classes));

        // Packing is done when the gates begin: it may share its rows with the counters.
        const int64_t counters = static_cast<int64_t>(plan.classes) * plan.n_planes;
        const int64_t extra = comparisons == nullptr ? 0 : comparisons->extra_rows;
        const int64_t behind = plan.n_slots + (counters > extra ? counters : extra);
        const int64_t own = to.scores == nullptr ? ceil_div(int64_t{head.classes} * LGN_BLOCK, 16) : 0;
        const auto work = [&](int64_t block, uint64_t *rows) {
            const int64_t first = block * LGN_BLOCK, left = n - first;
            const int32_t count = left < LGN_BLOCK ? static_cast<int32_t>(left) : LGN_BLOCK;
            encode(x, comparisons, block, count, rows);
            run(first, count, rows, behind, to);
        };
        return call.parallel(ceil_div(n, LGN_BLOCK), workspaces, behind + own, work);
    }

    OrtStatus *check(const Matrix &x) const
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

    void encode(const Matrix &x, const lgn_comparisons *comparisons, int64_t block, int32_t count,
                uint64_t *slots) const
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

    struct Outputs {
        int32_t *scores = nullptr;
        float *logits = nullptr;
        int64_t *classes = nullptr;
    };

    void run(int64_t first, int32_t count, uint64_t *slots, int64_t behind, const Outputs &to) const
    {
        uint16_t classes[LGN_BLOCK];
        int32_t *const scores = to.scores != nullptr ? to.scores + first * head.classes
                                                     : reinterpret_cast<int32_t *>(slots + behind * LGN_LANES);
        kernels->gates[plan.form](slots, plan.wires, plan.tree_row, plan.tree_stop, plan.tree_class,
                                  plan.tree_inverted, plan.base, plan.n_slots, plan.n_inputs, plan.n_trees,
                                  plan.classes, plan.n_planes);
        kernels->sum(slots, count, scores, classes, plan.n_slots, plan.classes, plan.n_planes);
        if (to.logits != nullptr) {
            head.logits(scores, count, to.logits + first * head.classes);
        }
        for (int32_t s = 0; to.classes != nullptr && s < count; s++) {
            to.classes[first + s] = classes[s];
        }
    }

    const Name who;
    Head head;
    bool packed = false;
    int32_t bits = 0;
    lgn_plan plan = {};
    Encoder encoder;
    Workspaces workspaces;
};

}  // namespace

const OrtCustomOp *logic_network_op()
{
    return op<LogicNetwork>();
}

}  // namespace lgn
