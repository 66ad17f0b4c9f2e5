#include "shim.h"

#include <stdarg.h>
#include <stdio.h>

namespace lgn {

const OrtApi *api = nullptr;
const lgn_kernels *kernels = nullptr;

namespace {

const char *element_name(ONNXTensorElementDataType type)
{
    switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT: return "float32";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8: return "uint8";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: return "int32";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: return "int64";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL: return "bool";
    default: return "another type";
    }
}

constexpr size_t most_dims = 3;

// Type and shape of a tensor; the sizes of one that has more dimensions are not there.
struct Shape {
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t rank = 0;
    int64_t dims[most_dims] = {};
};

OrtStatus *describe(const OrtTensorTypeAndShapeInfo *info, Shape *shape)
{
    LGN_TRY(api->GetTensorElementType(info, &shape->type));
    LGN_TRY(api->GetDimensionsCount(info, &shape->rank));
    if (shape->rank >= 1 && shape->rank <= most_dims) {
        LGN_TRY(api->GetDimensions(info, shape->dims, shape->rank));
    }
    return nullptr;
}

OrtStatus *describe(const OrtValue *value, Shape *shape)
{
    OrtTensorTypeAndShapeInfo *info;
    LGN_TRY(api->GetTensorTypeAndShape(value, &info));
    OrtStatus *const status = describe(info, shape);
    api->ReleaseTensorTypeAndShapeInfo(info);
    return status;
}

OrtStatus *data_of(const OrtValue *value, const void **data)
{
    // ONNX Runtime has one function for both; nobody writes through this pointer.
    void *found;
    LGN_TRY(api->GetTensorMutableData(const_cast<OrtValue *>(value), &found));
    *data = found;
    return nullptr;
}

}  // namespace

Name::Name(const char *op, const OrtKernelInfo *info) : op_(op)
{
    size_t size = sizeof node_;
    if (OrtStatus *const status = api->KernelInfo_GetNodeName(info, node_, &size)) {
        api->ReleaseStatus(status);  // too long: then the op must do
        node_[0] = '\0';
    }
}

OrtStatus *Name::error(const char *format, ...) const
{
    char text[512];
    const int length = snprintf(text, sizeof text, "ai.lgn.%s '%s': ", op_, node_);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + length, sizeof text - static_cast<size_t>(length), format, arguments);
    va_end(arguments);
    return api->CreateStatus(ORT_INVALID_ARGUMENT, text);
}

OrtStatus *Name::no_memory() const
{
    return api->CreateStatus(ORT_FAIL, "ai.lgn: there is not enough memory");
}

size_t Node::inputs() const
{
    size_t count = 0;
    if (OrtStatus *const status = api->KernelInfo_GetInputCount(info_, &count)) {
        api->ReleaseStatus(status);
    }
    return count;
}

OrtStatus *Node::constant(size_t index, const char *input, ONNXTensorElementDataType type, size_t rank,
                          const void **data, int64_t *dims) const
{
    int is_constant = 0;
    const OrtValue *value = nullptr;
    if (index < inputs()) {
        LGN_TRY(api->KernelInfoGetConstantInput_tensor(info_, index, &is_constant, &value));
    }
    if (is_constant == 0 || value == nullptr) {
        return name.error("the input %s must be a constant initializer", input);
    }
    Shape shape;
    LGN_TRY(describe(value, &shape));
    if (shape.type != type) {
        return name.error("the input %s is %s; it must be %s", input, element_name(shape.type),
                          element_name(type));
    }
    if (shape.rank != rank) {
        static const char *const number[] = {"none", "one", "two", "three"};
        return name.error("the input %s has %zu dimensions; it must have %s", input, shape.rank, number[rank]);
    }
    for (size_t i = 0; i < rank; i++) {
        dims[i] = shape.dims[i];
    }
    return data_of(value, data);
}

OrtStatus *Node::matrix(size_t index, const char *input, Matrix *matrix) const
{
    OrtTypeInfo *type;
    LGN_TRY(api->KernelInfo_GetInputTypeInfo(info_, index, &type));
    const OrtTensorTypeAndShapeInfo *tensor = nullptr;
    OrtStatus *status = api->CastTypeInfoToTensorInfo(type, &tensor);
    Shape shape;
    if (status == nullptr && tensor != nullptr) {
        status = describe(tensor, &shape);
    }
    api->ReleaseTypeInfo(type);
    LGN_TRY(status);
    // ONNX Runtime gives no dimensions both for a scalar and where it knows none
    if (shape.rank != 0 && shape.rank != 2) {
        return name.error("the input %s has %zu dimensions; it must have two", input, shape.rank);
    }
    matrix->type = shape.type;
    matrix->rows = shape.rank == 2 ? shape.dims[0] : -1;
    matrix->columns = shape.rank == 2 ? shape.dims[1] : -1;
    return nullptr;
}

OrtStatus *Node::attribute(const char *attribute, int64_t *value) const
{
    if (OrtStatus *const status = api->KernelInfoGetAttribute_int64(info_, attribute, value)) {
        api->ReleaseStatus(status);
        return name.error("the attribute %s, an INT, is missing", attribute);
    }
    return nullptr;
}

OrtStatus *Node::attribute(const char *attribute, float *value) const
{
    if (OrtStatus *const status = api->KernelInfoGetAttribute_float(info_, attribute, value)) {
        api->ReleaseStatus(status);
        return name.error("the attribute %s, a FLOAT, is missing", attribute);
    }
    return nullptr;
}

OrtStatus *Node::attribute(const char *attribute, int64_t (*pair)[2]) const
{
    size_t size = 2;
    if (OrtStatus *const status = api->KernelInfoGetAttributeArray_int64(info_, attribute, *pair, &size)) {
        api->ReleaseStatus(status);
        size = 0;
    }
    return size == 2 ? nullptr : name.error("the attribute %s, two INTS, is missing", attribute);
}

OrtStatus *Call::matrix(size_t index, const char *input, Matrix *matrix) const
{
    const OrtValue *value;
    Shape shape;
    LGN_TRY(api->KernelContext_GetInput(context_, index, &value));
    if (value == nullptr) {
        return name.error("the input %s is missing", input);
    }
    LGN_TRY(describe(value, &shape));
    if (shape.rank != 2) {
        return name.error("the input %s has %zu dimensions; it must have two", input, shape.rank);
    }
    matrix->type = shape.type;
    matrix->rows = shape.dims[0];
    matrix->columns = shape.dims[1];
    return data_of(value, &matrix->data);
}

OrtStatus *Call::number(size_t index, const char *input, int64_t *number) const
{
    const OrtValue *value;
    const void *data;
    Shape shape;
    LGN_TRY(api->KernelContext_GetInput(context_, index, &value));
    if (value == nullptr) {
        return name.error("the input %s is missing", input);
    }
    LGN_TRY(describe(value, &shape));
    if (shape.rank != 1 || shape.dims[0] != 1) {
        return name.error("the input %s must be one number, with the shape [1]", input);
    }
    LGN_TRY(data_of(value, &data));
    *number = *static_cast<const int64_t *>(data);
    return nullptr;
}

OrtStatus *Call::output(size_t index, const int64_t *dims, size_t n_dims, void **data) const
{
    size_t count;
    *data = nullptr;
    LGN_TRY(api->KernelContext_GetOutputCount(context_, &count));
    if (index >= count) {
        return nullptr;
    }
    OrtValue *value = nullptr;
    LGN_TRY(api->KernelContext_GetOutput(context_, index, dims, n_dims, &value));
    return value == nullptr ? nullptr : api->GetTensorMutableData(value, data);
}

// A row in front of those that are given away, so that they are aligned as it is.
struct alignas(LGN_ROW_BYTES) Workspaces::Header {
    Header *next;
    int64_t rows;
};

uint64_t *Workspaces::take(int64_t rows)
{
    pthread_mutex_lock(&mutex_);
    Header **place = &free_;
    while (*place != nullptr && (*place)->rows < rows) {
        place = &(*place)->next;
    }
    Header *header = *place;
    if (header != nullptr) {
        *place = header->next;
    }
    pthread_mutex_unlock(&mutex_);
    if (header == nullptr) {
        void *memory;
        const size_t bytes = (static_cast<size_t>(rows) + 1) * LGN_ROW_BYTES;
        if (posix_memalign(&memory, LGN_ROW_BYTES, bytes) != 0) {
            return nullptr;
        }
        header = static_cast<Header *>(memory);
        header->rows = rows;
    }
    return reinterpret_cast<uint64_t *>(header + 1);
}

void Workspaces::give(uint64_t *rows)
{
    Header *const header = reinterpret_cast<Header *>(rows) - 1;
    pthread_mutex_lock(&mutex_);
    header->next = free_;
    free_ = header;
    pthread_mutex_unlock(&mutex_);
}

Workspaces::~Workspaces()
{
    while (free_ != nullptr) {
        Header *const header = free_;
        free_ = header->next;
        free(header);
    }
}

}  // namespace lgn
