// Bits: packed bits of the last layer, one element a bit.

#include "ops.h"
#include "shim.h"

namespace lgn {
namespace {

struct Bits {
    static constexpr const char *name = "Bits";
    static constexpr ONNXTensorElementDataType inputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
                                                           ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr ONNXTensorElementDataType outputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL};
    static constexpr size_t required_inputs = 2, required_outputs = 1;
    static constexpr int variadic_inputs = 0;
    static constexpr bool may_be_in_place = false;

    explicit Bits(const Name &name) : who(name) {}

    OrtStatus *create(const Node &node)
    {
        Matrix words;
        return node.matrix(0, "words", &words);
    }

    OrtStatus *compute(const Call &call)
    {
        Matrix words;
        int64_t n;
        LGN_TRY(call.matrix(0, "words", &words));
        LGN_TRY(call.number(1, "n", &n));
        if (n < 0 || ceil_div(n, LGN_WORD_BITS) != words.columns) {
            return who.error("n is %lld, for %lld words of 64 samples", static_cast<long long>(n),
                             static_cast<long long>(words.columns));
        }
        const int64_t dims[] = {n, words.rows};
        uint8_t *bits;
        LGN_TRY(call.output(0, dims, 2, &bits));
        const uint64_t *const from = static_cast<const uint64_t *>(words.data);
        const int64_t signals = words.rows, columns = words.columns;
        const auto work = [&](int64_t column, uint64_t *words_of_signals) {
            for (int64_t i = 0; i < signals; i++) {
                words_of_signals[i] = from[i * columns + column];
            }
            const int64_t first = column * LGN_WORD_BITS, left = n - first;
            for (int64_t s = 0; s < LGN_WORD_BITS && s < left; s++) {
                uint8_t *const row = bits + (first + s) * signals;
                for (int64_t i = 0; i < signals; i++) {
                    row[i] = words_of_signals[i] >> s & 1u;
                }
            }
        };
        return call.parallel(columns, workspaces, ceil_div(signals, LGN_LANES), work);
    }

    const Name who;
    Workspaces workspaces;
};

}  // namespace

const OrtCustomOp *bits_op()
{
    return op<Bits>();
}

}  // namespace lgn
