// LogicLayer: a layer of gates over packed bits. Gates are the uniform gate, with a row of zeros where it needs one. They
// run in tiles, so that rows side by side are written soon after each other; in a tile, those whose result is
// complemented come last.

#include "ops.h"
#include "shim.h"

namespace lgn {
namespace {

// The rows of x ^ (y & ~z).
struct Wires {
    int32_t x, y, z;
};

// A table with f(0, 0) = 0.
Wires uniform(int table, int32_t a, int32_t b, int32_t zero)
{
    switch (table) {
    case 1: return {a, a, b};
    case 2: return {zero, a, b};
    case 3: return {a, zero, zero};
    case 4: return {zero, b, a};
    case 5: return {b, zero, zero};
    case 6: return {a, b, zero};
    case 7: return {a, b, a};
    default: return {zero, zero, zero};
    }
}

constexpr int64_t many_words = 64;
constexpr int32_t tile = 512;  // gates
constexpr int32_t largest = INT32_MAX / (LGN_WIDE_ROWS * LGN_LANES);  // rows: kernels compute addresses in int32

struct LogicLayer {
    static constexpr const char *name = "LogicLayer";
    static constexpr ONNXTensorElementDataType inputs[] = {
        ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8};
    static constexpr ONNXTensorElementDataType outputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr size_t required_inputs = 4, required_outputs = 1;
    static constexpr int variadic_inputs = 0;
    static constexpr bool may_be_in_place = true;  // a block is read before it is written

    explicit LogicLayer(const Name &name) : who(name) {}
    ~LogicLayer()
    {
        free(wires);
        free(n_plain);
    }

    OrtStatus *create(const Node &node)
    {
        Matrix words;
        Vector<int32_t> a, b;
        Vector<uint8_t> table;
        LGN_TRY(node.matrix(0, "words", &words));
        LGN_TRY(node.constant(1, "a", &a));
        LGN_TRY(node.constant(2, "b", &b));
        LGN_TRY(node.constant(3, "table", &table));
        if (a.size != b.size || a.size != table.size || a.size > largest) {
            return who.error("there are %lld a, %lld b and %lld tables; give one each a gate",
                             static_cast<long long>(a.size), static_cast<long long>(b.size),
                             static_cast<long long>(table.size));
        }
        n_gates = static_cast<int32_t>(a.size);
        LGN_TRY(check(a, b, table, words.rows));
        return plan(a, b, table);
    }

    // The inputs, which must be there, are those up to the last one that is read.
    OrtStatus *check(const Vector<int32_t> &a, const Vector<int32_t> &b, const Vector<uint8_t> &table, int64_t signals)
    {
        const int64_t limit = signals < 0 ? largest - 1 : signals;
        for (int32_t g = 0; g < n_gates; g++) {
            if (a[g] < 0 || a[g] >= limit) {
                return bad_wire('a', g, a[g], limit);
            }
            if (b[g] < 0 || b[g] >= limit) {
                return bad_wire('b', g, b[g], limit);
            }
            if (table[g] > 15) {
                return who.error("table[%d] is %d; a gate is 0 to 15", g, table[g]);
            }
            n_inputs = a[g] >= n_inputs ? a[g] + 1 : n_inputs;
            n_inputs = b[g] >= n_inputs ? b[g] + 1 : n_inputs;
        }
        return nullptr;
    }

    OrtStatus *bad_wire(char wire, int32_t gate, int32_t value, int64_t signals) const
    {
        return who.error("%c[%d] is %d; the signals before it are 0 to %lld", wire, gate, value,
                         static_cast<long long>(signals - 1));
    }

    OrtStatus *plan(const Vector<int32_t> &a, const Vector<int32_t> &b, const Vector<uint8_t> &table)
    {
        is_large = n_gates > 1 << 16 || n_inputs + 1 > 1 << 16;
        words_of_gate = is_large ? 2 : 1;
        wires = static_cast<uint64_t *>(
            calloc(static_cast<size_t>(n_gates + lgn_gates_ahead), static_cast<size_t>(words_of_gate) * sizeof *wires));
        n_plain = static_cast<int32_t *>(calloc(static_cast<size_t>(n_gates / tile) + 1, sizeof *n_plain));
        if (wires == nullptr || n_plain == nullptr) {
            return who.no_memory();
        }
        uint64_t *place = wires;
        for (int32_t start = 0; start < n_gates; start += tile) {
            for (int complement = 0; complement < 2; complement++) {
                for (int32_t g = start; g < start + gates_of_tile(start); g++) {
                    if (table[g] >> 3 == complement) {
                        put(place, g, uniform(complement != 0 ? 15 - table[g] : table[g], a[g], b[g], n_inputs));
                        place += words_of_gate;
                        n_plain[start / tile] += complement == 0;
                    }
                }
            }
        }
        return nullptr;
    }

    int32_t gates_of_tile(int32_t start) const { return n_gates - start < tile ? n_gates - start : tile; }

    // Rows side by side, in fields of 16 or 32 bits.
    void put(uint64_t *place, int32_t gate, const Wires &w) const
    {
        const uint64_t dst = static_cast<uint32_t>(gate), x = static_cast<uint32_t>(w.x);
        const uint64_t y = static_cast<uint32_t>(w.y), z = static_cast<uint32_t>(w.z);
        if (is_large) {
            place[0] = dst | x << 32;
            place[1] = y | z << 32;
        } else {
            place[0] = dst | x << 16 | y << 32 | z << 48;
        }
    }

    OrtStatus *compute(const Call &call)
    {
        Matrix words;
        uint64_t *result;
        LGN_TRY(call.matrix(0, "words", &words));
        if (words.rows < n_inputs) {
            return who.error("the gates read signal %d; the signals before it are 0 to %lld", n_inputs - 1,
                             static_cast<long long>(words.rows - 1));
        }
        const int64_t n_words = words.columns, dims[] = {n_gates, n_words};
        LGN_TRY(call.output(0, dims, 2, &result));

        // Rows of many words lie far apart: then two lines of each at a time.
        const bool is_wide = n_words >= many_words;
        const int32_t lanes = is_wide ? LGN_WIDE_ROWS * LGN_LANES : LGN_LANES;
        const auto read = kernels->read[is_wide];
        const auto layer = kernels->layer[2 * is_wide + is_large];
        const auto work = [&](int64_t block, uint64_t *rows) {
            const int64_t first = block * lanes, left = n_words - first;
            const int32_t count = left < lanes ? static_cast<int32_t>(left) : lanes;
            read(static_cast<const uint64_t *>(words.data) + first, n_words, count, rows, n_inputs);
            for (int32_t start = 0; start < n_gates; start += tile) {
                layer(rows, wires + int64_t{start} * words_of_gate, result + first, n_words, count, n_inputs,
                      n_plain[start / tile], gates_of_tile(start));
            }
        };
        return call.parallel(n_gates > 0 ? ceil_div(n_words, lanes) : 0, workspaces,
                             int64_t{n_inputs + 1} * (lanes / LGN_LANES), work);
    }

    const Name who;
    int32_t n_inputs = 0, n_gates = 0, words_of_gate = 1;
    bool is_large = false;
    uint64_t *wires = nullptr;
    int32_t *n_plain = nullptr;  // of each tile: gates that are not complemented
    Workspaces workspaces;
};

}  // namespace

const OrtCustomOp *logic_layer_op()
{
    return op<LogicLayer>();
}

}  // namespace lgn
