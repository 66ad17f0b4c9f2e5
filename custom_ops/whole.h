// What the ops for a whole network share: its plan, made when the session is, and its run block by block.

#ifndef LGN_WHOLE_H
#define LGN_WHOLE_H

#include "encoder.h"
#include "plan.h"
#include "shim.h"

namespace lgn {

constexpr int wires_of_layer = 3;
constexpr int32_t each_output = 0;  // instead of a number of classes: every output is counted for itself

// The inputs of an op whose encoder compares features, or differences of two.
struct Compared {
    static constexpr bool minus = false;
    static constexpr size_t required_inputs = 1;
    static constexpr ONNXTensorElementDataType inputs[] = {
        ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED};
};
struct Subtracted {
    static constexpr bool minus = true;
    static constexpr size_t required_inputs = 4;
    static constexpr ONNXTensorElementDataType inputs[] = {
        ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED};
};

struct Whole {
    // Its inputs are x, feature, minus if the op has that, threshold, then the wires.
    Whole(const Name &name, bool has_minus)
        : who(name), minus_(has_minus ? 2 : Encoder::none), first_wires_(has_minus ? 4 : 3)
    {
    }
    ~Whole() { lgn_free_plan(&plan); }

    // Read a node and plan it for so many classes, or for each_output.
    OrtStatus *create(const Node &node, int32_t classes);
    OrtStatus *check(const Matrix &x) const;
    int64_t samples(const Matrix &x) const { return packed ? x.columns * LGN_WORD_BITS : x.rows; }

    // Run a checked x; finish(first sample, count, rows, scratch) takes each block's counters from `rows`, and has
    // scratch_rows rows for itself.
    template <class Finish>
    OrtStatus *run(const Call &call, const Matrix &x, int64_t scratch_rows, const Finish &finish)
    {
        const lgn_comparisons *comparisons = nullptr;
        if (!packed) {
            LGN_TRY(encoder.comparisons(who, x.columns, &comparisons));
        }
        const int64_t n = samples(x);
        // Packing is done when the gates begin: it may share its rows with the counters.
        const int64_t counters = static_cast<int64_t>(plan.classes) * plan.n_planes;
        const int64_t extra = comparisons == nullptr ? 0 : comparisons->extra_rows;
        const int64_t behind = plan.n_slots + (counters > extra ? counters : extra);
        const auto work = [&](int64_t block, uint64_t *rows) {
            const int64_t first = block * LGN_BLOCK, left = n - first;
            const int32_t count = left < LGN_BLOCK ? static_cast<int32_t>(left) : LGN_BLOCK;
            fill(x, comparisons, block, count, rows);
            run_gates(rows);
            finish(first, count, rows, reinterpret_cast<int32_t *>(rows + behind * LGN_LANES));
        };
        return call.parallel(ceil_div(n, LGN_BLOCK), workspaces, behind + scratch_rows, work);
    }

    const Name who;
    lgn_plan plan = {};

private:
    OrtStatus *read_bits(const Node &node);
    OrtStatus *bad_bits(int64_t found) const;
    OrtStatus *read_layers(const Node &node, int32_t classes);
    OrtStatus *read_layer(const Node &node, size_t layer, lgn_wiring *wiring) const;
    OrtStatus *make_plan(const lgn_layers &layers, int32_t classes);
    void fill(const Matrix &x, const lgn_comparisons *comparisons, int64_t block, int32_t count, uint64_t *slots) const;
    void run_gates(uint64_t *slots) const;

    const size_t minus_, first_wires_;
    bool packed = false;
    int32_t bits = 0;
    Encoder encoder;
    Workspaces workspaces;
};

}  // namespace lgn

#endif
