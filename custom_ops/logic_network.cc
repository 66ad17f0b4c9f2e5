// LogicNetwork and LogicNetworkDifference: a whole network that counts, in one node.

#include "head.h"
#include "ops.h"
#include "whole.h"

namespace lgn {
namespace {

template <class Inputs> struct Counting : Whole, Inputs {
    static constexpr const char *name = Inputs::minus ? "LogicNetworkDifference" : "LogicNetwork";
    static constexpr ONNXTensorElementDataType outputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
                                                            ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                                                            ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr size_t required_outputs = 0;
    static constexpr int variadic_inputs = wires_of_layer;
    static constexpr bool may_be_in_place = false;

    explicit Counting(const Name &name) : Whole(name, Inputs::minus) {}

    OrtStatus *create(const Node &node)
    {
        LGN_TRY(head.create(node));
        return Whole::create(node, head.classes);
    }

    OrtStatus *compute(const Call &call)
    {
        Matrix x;
        int32_t *all_scores;
        float *logits;
        int64_t *classes;
        LGN_TRY(call.matrix(0, "x", &x));
        LGN_TRY(check(x));
        const int64_t dims[] = {samples(x), head.classes};
        LGN_TRY(call.output(0, dims, 2, &all_scores));
        LGN_TRY(call.output(1, dims, 2, &logits));
        LGN_TRY(call.output(2, dims, 1, &classes));
        const int64_t own = all_scores == nullptr ? ceil_div(int64_t{head.classes} * LGN_BLOCK, 16) : 0;
        const auto finish = [&](int64_t first, int32_t count, const uint64_t *rows, int32_t *scratch) {
            uint16_t best[LGN_BLOCK];
            int32_t *const scores = all_scores != nullptr ? all_scores + first * head.classes : scratch;
            kernels->sum(rows, count, scores, best, plan.n_slots, plan.classes, plan.n_planes);
            if (logits != nullptr) {
                head.logits(scores, count, logits + first * head.classes);
            }
            for (int32_t s = 0; classes != nullptr && s < count; s++) {
                classes[first + s] = best[s];
            }
        };
        return run(call, x, own, finish);
    }

    Head head;
};

}  // namespace

const OrtCustomOp *logic_network_op()
{
    return op<Counting<Compared>>();
}

const OrtCustomOp *logic_network_difference_op()
{
    return op<Counting<Subtracted>>();
}

}  // namespace lgn
