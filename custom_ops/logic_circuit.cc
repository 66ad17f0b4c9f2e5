// LogicCircuit and LogicCircuitDifference: a whole network that hands out bits, in one node.

#include "ops.h"
#include "whole.h"

namespace lgn {
namespace {

constexpr int32_t outputs_at_once = 32;  // whose numbers stay in the cache until they are written as bits

template <class Inputs> struct Handing : Whole, Inputs {
    static constexpr const char *name = Inputs::minus ? "LogicCircuitDifference" : "LogicCircuit";
    static constexpr ONNXTensorElementDataType outputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL};
    static constexpr size_t required_outputs = 1;
    static constexpr int variadic_inputs = wires_of_layer;
    static constexpr bool may_be_in_place = false;

    explicit Handing(const Name &name) : Whole(name, Inputs::minus) {}

    OrtStatus *create(const Node &node) { return Whole::create(node, each_output); }

    OrtStatus *compute(const Call &call)
    {
        Matrix x;
        uint8_t *bits;
        LGN_TRY(call.matrix(0, "x", &x));
        LGN_TRY(check(x));
        const int64_t all = plan.classes, dims[] = {samples(x), all};
        LGN_TRY(call.output(0, dims, 2, &bits));
        const auto finish = [&](int64_t first, int32_t count, const uint64_t *rows, int32_t *numbers) {
            for (int32_t start = 0; start < all; start += outputs_at_once) {
                const int32_t left = plan.classes - start, n = left < outputs_at_once ? left : outputs_at_once;
                uint16_t unread[LGN_BLOCK];
                kernels->sum(rows, count, numbers, unread, plan.n_slots + start * plan.n_planes, n, plan.n_planes);
                for (int32_t s = 0; s < count; s++) {
                    for (int32_t i = 0; i < n; i++) {
                        bits[(first + s) * all + start + i] = static_cast<uint8_t>(numbers[s * n + i]);
                    }
                }
            }
        };
        return run(call, x, outputs_at_once * LGN_BLOCK / 16, finish);
    }
};

}  // namespace

const OrtCustomOp *logic_circuit_op()
{
    return op<Handing<Compared>>();
}

const OrtCustomOp *logic_circuit_difference_op()
{
    return op<Handing<Subtracted>>();
}

}  // namespace lgn
