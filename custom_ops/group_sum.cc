// GroupSum: packed bits of the last layer to scores and logits.

#include "head.h"
#include "ops.h"
#include "plan.h"

namespace lgn {
namespace {

constexpr int64_t blocks_at_once = 16;  // of 512 samples: the longer the lines, the better memory keeps up

struct GroupSum {
    static constexpr const char *name = "GroupSum";
    static constexpr ONNXTensorElementDataType inputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
                                                           ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    static constexpr ONNXTensorElementDataType outputs[] = {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
                                                            ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT};
    static constexpr size_t required_inputs = 2, required_outputs = 2;
    static constexpr int variadic_inputs = 0;
    static constexpr bool may_be_in_place = false;

    explicit GroupSum(const Name &name) : who(name) {}

    OrtStatus *create(const Node &node)
    {
        Matrix words;
        LGN_TRY(node.matrix(0, "words", &words));
        LGN_TRY(head.create(node));
        return words.rows < 0 ? nullptr : check(words.rows);
    }

    OrtStatus *check(int64_t signals) const
    {
        if (signals < head.classes || signals % head.classes != 0 || signals > INT32_MAX / LGN_LANES) {
            return who.error("%d classes do not divide %lld signals", head.classes, static_cast<long long>(signals));
        }
        return nullptr;
    }

    OrtStatus *compute(const Call &call)
    {
        Matrix words;
        int64_t n;
        LGN_TRY(call.matrix(0, "words", &words));
        LGN_TRY(call.number(1, "n", &n));
        LGN_TRY(check(words.rows));
        if (n < 0 || ceil_div(n, LGN_WORD_BITS) != words.columns) {
            return who.error("n is %lld, for %lld words of 64 samples", static_cast<long long>(n),
                             static_cast<long long>(words.columns));
        }
        const int64_t dims[] = {n, head.classes};
        int32_t *scores;
        float *logits;
        LGN_TRY(call.output(0, dims, 2, &scores));
        LGN_TRY(call.output(1, dims, 2, &logits));

        const int32_t signals = static_cast<int32_t>(words.rows), group = signals / head.classes;
        const int32_t planes = lgn_counter_planes(group), counters = head.classes * planes;
        const int64_t n_words = words.columns, n_whole = n_words / LGN_LANES;
        const bool has_rest = n_words % LGN_LANES != 0;  // a last block of fewer words than a row has
        const int64_t most = n_whole < blocks_at_once ? n_whole : blocks_at_once;
        const int64_t sums = (most > 0 ? most : 1) * counters;
        const auto work = [&](int64_t part, uint64_t *rows) {
            const int64_t first_block = part * blocks_at_once, left = n_whole - first_block;
            const bool is_rest = left <= 0;
            const int32_t n_blocks = static_cast<int32_t>(is_rest ? 1 : left < blocks_at_once ? left : blocks_at_once);
            const int64_t first_word = (is_rest ? n_whole : first_block) * LGN_LANES;
            const uint64_t *columns = static_cast<const uint64_t *>(words.data) + first_word;
            int64_t stride = n_words;
            if (is_rest) {  // the kernel reads whole rows
                uint64_t *const copy = rows + sums * LGN_LANES;
                kernels->read[0](columns, stride, static_cast<int32_t>(n_words - first_word), copy, signals);
                columns = copy;
                stride = LGN_LANES;
            }
            kernels->count(columns, stride, n_blocks, rows, head.classes, group, planes);
            for (int32_t block = 0; block < n_blocks; block++) {
                const int64_t first = (first_word + int64_t{block} * LGN_LANES) * LGN_WORD_BITS;
                const int32_t count = n - first < LGN_BLOCK ? static_cast<int32_t>(n - first) : LGN_BLOCK;
                uint16_t classes[LGN_BLOCK];
                int32_t *const found = scores + first * head.classes;
                kernels->sum(rows, count, found, classes, block * counters, head.classes, planes);
                head.logits(found, count, logits + first * head.classes);
            }
        };
        return call.parallel(ceil_div(n_whole, blocks_at_once) + has_rest, workspaces,
                             sums + (has_rest ? signals : 0), work);
    }

    const Name who;
    Head head;
    Workspaces workspaces;
};

}  // namespace

const OrtCustomOp *group_sum_op()
{
    return op<GroupSum>();
}

}  // namespace lgn
