// OrPool2d: the OR of a window at every place of an image.

#include "image.h"
#include "ops.h"
#include "shim.h"

namespace lgn {
namespace {

struct OrPool2d {
    static constexpr const char *name = "OrPool2d";
    static constexpr ONNXTensorElementDataType inputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr ONNXTensorElementDataType outputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr size_t required_inputs = 1, required_outputs = 1;
    static constexpr int variadic_inputs = 0;
    static constexpr bool may_be_in_place = true;  // a block is read before it is written

    explicit OrPool2d(const Name &name) : who(name) {}
    ~OrPool2d() { free(tap); }

    OrtStatus *create(const Node &node)
    {
        LGN_TRY(image.create(node));
        n_taps = image.size[0] * image.size[1];
        tap = static_cast<int32_t *>(malloc(static_cast<size_t>(n_taps) * sizeof *tap));
        if (tap == nullptr) {
            return who.no_memory();
        }
        for (int32_t i = 0; i < n_taps; i++) {
            tap[i] = image.row(i / image.size[1], i % image.size[1]);
        }
        return nullptr;
    }

    OrtStatus *compute(const Call &call)
    {
        Matrix words;
        uint64_t *result;
        LGN_TRY(call.matrix(0, "words", &words));
        LGN_TRY(image.check(who, words));
        const int64_t n_words = words.columns;
        const int64_t dims[] = {int64_t{image.channels} * image.places[0] * image.places[1], n_words};
        LGN_TRY(call.output(0, dims, 2, &result));
        const auto work = [&](int64_t block, uint64_t *rows) {
            const int64_t first = block * LGN_LANES, left = n_words - first;
            const int32_t count = left < LGN_LANES ? static_cast<int32_t>(left) : LGN_LANES;
            image.fill(words, first, count, rows);
            kernels->pool(rows, tap, result + first, n_words, count, image.channels, image.plane(), n_taps,
                          image.places[0], image.places[1], image.down(), image.right());
        };
        return call.parallel(ceil_div(n_words, LGN_LANES), workspaces, image.n_rows(), work);
    }

    const Name who;
    Image image;
    int32_t n_taps = 0;
    int32_t *tap = nullptr;
    Workspaces workspaces;
};

}  // namespace

const OrtCustomOp *or_pool2d_op()
{
    return op<OrPool2d>();
}

}  // namespace lgn
