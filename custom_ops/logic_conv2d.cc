// LogicConv2d: kernels, trees of gates, at every place of an image. A kernel is its taps and the masks of its gates.

#include "image.h"
#include "ops.h"
#include "shim.h"

namespace lgn {
namespace {

constexpr int64_t most_leaves = 256;
constexpr int32_t masks_of_gate = 4;

struct LogicConv2d {
    static constexpr const char *name = "LogicConv2d";
    static constexpr ONNXTensorElementDataType inputs[] = {
        ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8};
    static constexpr ONNXTensorElementDataType outputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr size_t required_inputs = 3, required_outputs = 1;
    static constexpr int variadic_inputs = 0;
    static constexpr bool may_be_in_place = true;  // a block is read before it is written

    explicit LogicConv2d(const Name &name) : who(name) {}
    ~LogicConv2d()
    {
        free(tap);
        free(mask);
    }

    OrtStatus *create(const Node &node)
    {
        Tensor<int32_t, 3> leaf;
        Tensor<uint8_t, 2> table;
        LGN_TRY(image.create(node));
        LGN_TRY(node.constant(1, "leaf", &leaf));
        LGN_TRY(node.constant(2, "table", &table));
        const int64_t found = leaf.dims[1];
        if (leaf.dims[2] != 3 || found < 2 || found > most_leaves || (found & (found - 1)) != 0) {
            return who.error("leaf has %lld leaves of %lld numbers; give 2, 4, 8, ... or 256 leaves of three",
                             static_cast<long long>(found), static_cast<long long>(leaf.dims[2]));
        }
        if (table.dims[0] != leaf.dims[0] || table.dims[1] != found - 1) {
            return who.error("there are %lld x %lld leaves and %lld x %lld tables; give one table less a kernel",
                             static_cast<long long>(leaf.dims[0]), static_cast<long long>(found),
                             static_cast<long long>(table.dims[0]), static_cast<long long>(table.dims[1]));
        }
        const int64_t largest = INT32_MAX / (masks_of_gate * found), places = int64_t{image.places[0]} * image.places[1];
        if (leaf.dims[0] < 1 || leaf.dims[0] > largest || leaf.dims[0] > INT32_MAX / places ||
            image.n_rows() > most_rows - found) {
            return who.error("there are %lld kernels at %lld places; give at least one, and less than 2^31 outputs",
                             static_cast<long long>(leaf.dims[0]), static_cast<long long>(places));
        }
        n_kernels = static_cast<int32_t>(leaf.dims[0]);
        leaves = static_cast<int32_t>(found);
        LGN_TRY(read_leaves(leaf.data));
        return read_tables(table.data);
    }

    OrtStatus *read_leaves(const int32_t *leaf)
    {
        static const char *const axis_name[] = {"channel", "row", "column"};
        const int32_t limit[] = {image.channels, image.size[0], image.size[1]}, n = n_kernels * leaves;
        tap = static_cast<int32_t *>(malloc(static_cast<size_t>(n) * sizeof *tap));
        if (tap == nullptr) {
            return who.no_memory();
        }
        for (int32_t i = 0; i < n; i++, leaf += 3) {
            for (int axis = 0; axis < 3; axis++) {
                if (leaf[axis] < 0 || leaf[axis] >= limit[axis]) {
                    return who.error("the %s of leaf %d of kernel %d is %d, outside 0 to %d", axis_name[axis], i % leaves,
                                     i / leaves, leaf[axis], limit[axis] - 1);
                }
            }
            tap[i] = leaf[0] * image.plane() + image.row(leaf[1], leaf[2]);
        }
        return nullptr;
    }

    // A gate is c0 ^ (ca & a) ^ (cb & b) ^ (cab & a & b), its coefficients spread over a word.
    OrtStatus *read_tables(const uint8_t *table)
    {
        const int32_t n = n_kernels * (leaves - 1);
        mask = static_cast<uint64_t *>(malloc(static_cast<size_t>(n) * masks_of_gate * sizeof *mask));
        if (mask == nullptr) {
            return who.no_memory();
        }
        for (int32_t i = 0; i < n; i++) {
            if (table[i] > 15) {
                return who.error("table[%d, %d] is %d; a gate is 0 to 15", i / (leaves - 1), i % (leaves - 1), table[i]);
            }
            const unsigned f00 = table[i] >> 3 & 1u, f01 = table[i] >> 2 & 1u, f10 = table[i] >> 1 & 1u, f11 = table[i] & 1u;
            const unsigned coefficient[masks_of_gate] = {f00, f00 ^ f10, f00 ^ f01, f00 ^ f01 ^ f10 ^ f11};
            for (int32_t j = 0; j < masks_of_gate; j++) {
                mask[int64_t{i} * masks_of_gate + j] = coefficient[j] != 0u ? ~uint64_t{0} : 0u;
            }
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
        const int64_t dims[] = {int64_t{n_kernels} * image.places[0] * image.places[1], n_words};
        LGN_TRY(call.output(0, dims, 2, &result));
        const auto work = [&](int64_t block, uint64_t *rows) {
            const int64_t first = block * LGN_LANES, left = n_words - first;
            const int32_t count = left < LGN_LANES ? static_cast<int32_t>(left) : LGN_LANES;
            image.fill(words, first, count, rows);
            kernels->convolution(rows, tap, mask, result + first, n_words, count, n_kernels, leaves, image.n_rows(),
                                 image.places[0], image.places[1], image.down(), image.right());
        };
        return call.parallel(ceil_div(n_words, LGN_LANES), workspaces, int64_t{image.n_rows()} + leaves, work);
    }

    const Name who;
    Image image;
    int32_t n_kernels = 0, leaves = 0;
    int32_t *tap = nullptr;    // [kernels][leaves]
    uint64_t *mask = nullptr;  // [kernels][leaves - 1][masks_of_gate]
    Workspaces workspaces;
};

}  // namespace

const OrtCustomOp *logic_conv2d_op()
{
    return op<LogicConv2d>();
}

}  // namespace lgn
