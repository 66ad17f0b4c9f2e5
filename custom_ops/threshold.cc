// Threshold and ThresholdDifference: features of samples, or differences of two, to packed bits.

#include "encoder.h"
#include "ops.h"

namespace lgn {
namespace {

bool is_sample_type(ONNXTensorElementDataType type)
{
    return type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || type == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 ||
           type == ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
}

// What the ops share; `Op` says its inputs.
template <class Op> struct Encode {
    static constexpr ONNXTensorElementDataType outputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr size_t required_outputs = 1;
    static constexpr int variadic_inputs = 0;
    static constexpr bool may_be_in_place = false;

    explicit Encode(const Name &name) : who(name) {}

    OrtStatus *create(const Node &node)
    {
        Matrix samples;
        const lgn_comparisons *unused;
        LGN_TRY(node.matrix(0, "x", &samples));
        if (!Op::takes(samples.type)) {
            return who.error("the input x must be %s", Op::samples);
        }
        LGN_TRY(encoder.create(node, samples, 1, Op::threshold, Op::minus));
        LGN_TRY(encoder.load(who, nullptr, encoder.bits(), encoder.bits()));
        return samples.columns < 0 ? nullptr : encoder.comparisons(who, samples.columns, &unused);
    }

    OrtStatus *compute(const Call &call)
    {
        Matrix x;
        const lgn_comparisons *comparisons;
        uint64_t *words;
        LGN_TRY(call.matrix(0, "x", &x));
        LGN_TRY(encoder.check(who, x));
        LGN_TRY(encoder.comparisons(who, x.columns, &comparisons));
        const int64_t n_words = ceil_div(x.rows, LGN_WORD_BITS), dims[] = {encoder.bits(), n_words};
        LGN_TRY(call.output(0, dims, 2, &words));

        const int64_t rows = encoder.bits() + comparisons->extra_rows;
        const size_t sample_bytes = encoder.sample_bytes(x.columns);
        const auto work = [&](int64_t block, uint64_t *slots) {
            const int64_t first = block * LGN_BLOCK, left = x.rows - first;
            const int32_t count = left < LGN_BLOCK ? static_cast<int32_t>(left) : LGN_BLOCK;
            const int32_t over = count % LGN_WORD_BITS;
            lgn_compare(kernels, comparisons,
                        static_cast<const char *>(x.data) + static_cast<size_t>(first) * sample_bytes, count,
                        slots, encoder.bits());
            kernels->write(slots, words + block * LGN_LANES, n_words,
                           (count + LGN_WORD_BITS - 1) / LGN_WORD_BITS, over == 0 ? ~0ull : (1ull << over) - 1u,
                           encoder.bits());
        };
        return call.parallel(ceil_div(x.rows, LGN_BLOCK), workspaces, rows, work);
    }

    const Name who;
    Encoder encoder;
    Workspaces workspaces;
};

struct Threshold : Encode<Threshold> {
    static constexpr const char *name = "Threshold", *samples = "float32, uint8 or bool";
    static constexpr ONNXTensorElementDataType inputs[] = {
        ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT};
    static constexpr size_t required_inputs = 3, threshold = 2, minus = Encoder::none;
    static bool takes(ONNXTensorElementDataType type) { return is_sample_type(type); }
    using Encode::Encode;
};

struct ThresholdDifference : Encode<ThresholdDifference> {
    static constexpr const char *name = "ThresholdDifference", *samples = "uint8";
    static constexpr ONNXTensorElementDataType inputs[] = {
        ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT};
    static constexpr size_t required_inputs = 4, threshold = 3, minus = 2;
    static bool takes(ONNXTensorElementDataType type) { return type == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8; }
    using Encode::Encode;
};

}  // namespace

const OrtCustomOp *threshold_op()
{
    return op<Threshold>();
}

const OrtCustomOp *threshold_difference_op()
{
    return op<ThresholdDifference>();
}

}  // namespace lgn
