// The rules of lgn_edge/onnx_model/ops, as far as ONNX Runtime lets an op see its inputs: shapes, not data. What does not
// fit is for the kernel to say: ONNX Runtime drops what a function here returns.

#include "inference.h"

#include <stdio.h>
#include <string.h>

#include "image.h"
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

    OrtStatus *attribute(const char *name, int64_t (*pair)[2]) const
    {
        const OrtOpAttr *attribute;
        size_t size = 0;
        LGN_TRY(api->ShapeInferContext_GetAttribute(context_, name, &attribute));
        LGN_TRY(api->ReadOpAttr(attribute, ORT_OP_ATTR_INTS, *pair, sizeof *pair, &size));
        return size == sizeof *pair ? nullptr : api->CreateStatus(ORT_INVALID_ARGUMENT, "two INTS are wanted");
    }

    // The places of a window over an image; 0 where the attributes are none.
    OrtStatus *places(int64_t *number) const
    {
        static const char *const side_name[] = {"height", "width"};
        int64_t size[2], stride[2], padding[2];
        LGN_TRY(attribute("size", &size));
        LGN_TRY(attribute("stride", &stride));
        LGN_TRY(attribute("padding", &padding));
        *number = 1;
        for (int i = 0; i < 2; i++) {
            int64_t side;
            LGN_TRY(attribute(side_name[i], &side));
            const bool legal = side >= 1 && side <= most_rows && padding[i] >= 0 && padding[i] <= most_rows &&
                               size[i] >= 1 && size[i] <= side + 2 * padding[i] && stride[i] >= 1;
            *number *= legal ? places_of(side + 2 * padding[i], size[i], stride[i]) : 0;
        }
        return nullptr;
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

// So many rows at every place of a window; nothing is said where that is no number of signals.
OrtStatus *image_layer(const Inference &node, const Dim &channels, const Dim &words)
{
    int64_t places;
    LGN_TRY(node.places(&places));
    if (places < 1 || places > INT32_MAX || channels.size > INT32_MAX) {
        return nullptr;
    }
    return node.set(0, {channels.size >= 0 ? Dim::of(channels.size * places) : Dim::unknown(), words});
}

OrtStatus *logic_conv2d(const Inference &node)
{
    Dim words[2], leaf[3];
    LGN_TRY(node.dims(0, words));
    LGN_TRY(node.dims(1, leaf));
    return image_layer(node, leaf[0], words[1]);
}

OrtStatus *or_pool2d(const Inference &node)
{
    Dim words[2];
    int64_t channels;
    LGN_TRY(node.dims(0, words));
    LGN_TRY(node.attribute("channels", &channels));
    return channels < 1 ? nullptr : image_layer(node, Dim::of(channels), words[1]);
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
    // Not those for a whole network: ONNX Runtime does not say which outputs a node has, and until 1.23 crashes where an
    // optional input is absent.
    static const struct {
        const char *op;
        ShapeInference *infer;
    } known[] = {{"Threshold", call<threshold>}, {"ThresholdDifference", call<threshold>},
                 {"LogicLayer", call<logic_layer>},
                 {"LogicConv2d", call<logic_conv2d>}, {"OrPool2d", call<or_pool2d>},
                 {"GroupSum", call<group_sum>},      {"Bits", call<bits>}};
    for (const auto &entry : known) {
        if (strcmp(entry.op, op) == 0) {
            return entry.infer;
        }
    }
    return nullptr;
}

}  // namespace lgn
