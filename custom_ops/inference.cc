// The rules of lgn_edge/onnx_model/ops, as far as ONNX Runtime lets an op see its inputs: shapes, not data. What does not
// fit is for the kernel to say: ONNX Runtime drops what a function here returns.

#include "inference.h"

#include <stdio.h>
#include <string.h>

#include "shim.h"

namespace lgn {
namespace {

// A size or, where it is not known, a name: dimensions of one name are equal.
struct Dim {
    int64_t size = -1;
    char name[64] = "";

    static Dim of(int64_t size)
    {
        Dim dim;
        dim.size = size;
        return dim;
    }

    // Of a name that nobody else has: ONNX Runtime wants one.
    static Dim unknown()
    {
        static uint64_t last = 0;
        Dim dim;
        snprintf(dim.name, sizeof dim.name, "ai.lgn.%llu",
                 static_cast<unsigned long long>(__atomic_add_fetch(&last, 1, __ATOMIC_RELAXED)));
        return dim;
    }

    // Named after another one; a name that does not fit might be another's.
    static Dim named(const char *format, const char *name)
    {
        Dim dim;
        const int length = snprintf(dim.name, sizeof dim.name, format, name);
        return name[0] != '\0' && length < static_cast<int>(sizeof dim.name) ? dim : unknown();
    }
};

Dim words_of(const Dim &samples)
{
    return samples.size >= 0 ? Dim::of(ceil_div(samples.size, LGN_WORD_BITS))
                             : Dim::named("ceil(%s / 64)", samples.name);
}

// A node before its kernel is created.
class Inference {
public:
    explicit Inference(OrtShapeInferContext *context) : context_(context) {}

    // The dimensions of an input that has this many.
    template <size_t rank> OrtStatus *dims(size_t index, Dim (&dims)[rank]) const
    {
        OrtTensorTypeAndShapeInfo *info;  // which the context owns
        size_t found;
        int64_t sizes[rank];
        const char *names[rank];
        LGN_TRY(api->ShapeInferContext_GetInputTypeShape(context_, index, &info));
        LGN_TRY(api->GetDimensionsCount(info, &found));
        if (found == rank) {
            LGN_TRY(api->GetDimensions(info, sizes, rank));
            LGN_TRY(api->GetSymbolicDimensions(info, names, rank));
        }
        for (size_t i = 0; i < rank; i++) {
            dims[i] = found != rank    ? Dim::unknown()
                      : sizes[i] >= 0 ? Dim::of(sizes[i])
                                      : Dim::named("%s", names[i]);
        }
        return nullptr;
    }

    OrtStatus *attribute(const char *name, int64_t *value) const
    {
        const OrtOpAttr *attribute;
        size_t size;
        LGN_TRY(api->ShapeInferContext_GetAttribute(context_, name, &attribute));
        return api->ReadOpAttr(attribute, ORT_OP_ATTR_INT, value, sizeof *value, &size);
    }

    // ONNX Runtime does not check the index: the node must have this output.
    template <size_t rank> OrtStatus *set(size_t index, const Dim (&dims)[rank]) const
    {
        int64_t sizes[rank];
        const char *names[rank];
        for (size_t i = 0; i < rank; i++) {
            sizes[i] = dims[i].size;
            names[i] = dims[i].name;
        }
        OrtTensorTypeAndShapeInfo *info;
        LGN_TRY(api->CreateTensorTypeAndShapeInfo(&info));
        OrtStatus *status = api->SetDimensions(info, sizes, rank);
        if (status == nullptr) {
            status = api->SetSymbolicDimensions(info, names, rank);
        }
        if (status == nullptr) {
            status = api->ShapeInferContext_SetOutputTypeShape(context_, index, info);
        }
        api->ReleaseTensorTypeAndShapeInfo(info);
        return status;
    }

private:
    OrtShapeInferContext *const context_;
};

OrtStatus *threshold(const Inference &node)
{
    Dim x[2], feature[1];
    LGN_TRY(node.dims(0, x));
    LGN_TRY(node.dims(1, feature));
    return node.set(0, {feature[0], words_of(x[0])});
}

OrtStatus *logic_layer(const Inference &node)
{
    Dim words[2], table[1];
    LGN_TRY(node.dims(0, words));
    LGN_TRY(node.dims(3, table));
    return node.set(0, {table[0], words[1]});
}

OrtStatus *group_sum(const Inference &node)
{
    int64_t classes;
    LGN_TRY(node.attribute("classes", &classes));
    if (classes < 1) {
        return nullptr;
    }
    const Dim dims[] = {Dim::unknown(), Dim::of(classes)};  // the number of samples is data
    LGN_TRY(node.set(0, dims));
    return node.set(1, dims);
}

OrtStatus *bits(const Inference &node)
{
    Dim words[2];
    LGN_TRY(node.dims(0, words));
    return node.set(0, {Dim::unknown(), words[0]});  // the number of samples is data
}

template <OrtStatus *infer(const Inference &)> OrtStatusPtr call(const OrtCustomOp *, OrtShapeInferContext *context)
{
    if (OrtStatus *const status = infer(Inference(context))) {
        api->ReleaseStatus(status);
    }
    return nullptr;
}

}  // namespace

ShapeInference *shape_inference(const char *op)
{
    // Not LogicNetwork and LogicCircuit: ONNX Runtime does not say which outputs a node has, and until 1.23 crashes where an optional input
    // is absent.
    static const struct {
        const char *op;
        ShapeInference *infer;
    } known[] = {{"Threshold", call<threshold>}, {"LogicLayer", call<logic_layer>}, {"GroupSum", call<group_sum>},
                 {"Bits", call<bits>}};
    for (const auto &entry : known) {
        if (strcmp(entry.op, op) == 0) {
            return entry.infer;
        }
    }
    return nullptr;
}

}  // namespace lgn
