// What the ops share: errors as statuses, nodes read with suspicion, memory, threads. Needs no C++ runtime.

#ifndef LGN_SHIM_H
#define LGN_SHIM_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include <new>

#include "circuit.h"
#include "inference.h"
#include "kernels.h"
#include "ort_abi.h"

#define LGN_TRY(expression)                       \
    do {                                          \
        if (OrtStatus *const failed_ = (expression)) { \
            return failed_;                       \
        }                                         \
    } while (0)

namespace lgn {

// Of the ONNX Runtime that registered the library, and of this processor.
extern const OrtApi *api;
extern const lgn_kernels *kernels;

// A constant input of one dimension; the session keeps it.
template <class T> struct Vector {
    const T *data = nullptr;
    int64_t size = 0;
    const T &operator[](int64_t i) const { return data[i]; }
};

template <class T> constexpr ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
template <> inline constexpr ONNXTensorElementDataType element<float> = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
template <> inline constexpr ONNXTensorElementDataType element<uint8_t> = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
template <> inline constexpr ONNXTensorElementDataType element<int32_t> = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;

// A constant input of more dimensions.
template <class T, size_t rank> struct Tensor {
    const T *data = nullptr;
    int64_t dims[rank] = {};
};

// A value of two dimensions, or what is known of one before it is there (-1: not known).
struct Matrix {
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    int64_t rows = -1, columns = -1;
    const void *data = nullptr;
};

// Who complains: an op and its node.
class Name {
public:
    Name() = default;
    Name(const char *op, const OrtKernelInfo *info);
    // "ai.lgn.OP 'NODE': " and the message.
    OrtStatus *error(const char *format, ...) const __attribute__((format(printf, 2, 3)));
    OrtStatus *no_memory() const;

private:
    const char *op_ = "";
    char node_[96] = "";
};

// A node while its kernel is created.
class Node {
public:
    Node(const Name &name, const OrtKernelInfo *info) : name(name), info_(info) {}

    template <class T> OrtStatus *constant(size_t index, const char *input, Vector<T> *vector) const
    {
        const void *data;
        LGN_TRY(constant(index, input, element<T>, 1, &data, &vector->size));
        vector->data = static_cast<const T *>(data);
        return nullptr;
    }
    template <class T, size_t rank> OrtStatus *constant(size_t index, const char *input, Tensor<T, rank> *tensor) const
    {
        const void *data;
        LGN_TRY(constant(index, input, element<T>, rank, &data, tensor->dims));
        tensor->data = static_cast<const T *>(data);
        return nullptr;
    }
    size_t inputs() const;
    // What is known of an input; nothing where its rank is unknown.
    OrtStatus *matrix(size_t index, const char *input, Matrix *matrix) const;
    OrtStatus *attribute(const char *attribute, int64_t *value) const;
    OrtStatus *attribute(const char *attribute, float *value) const;
    OrtStatus *attribute(const char *attribute, int64_t (*pair)[2]) const;

    const Name &name;

private:
    OrtStatus *constant(size_t index, const char *input, ONNXTensorElementDataType type, size_t rank, const void **data,
                        int64_t *dims) const;

    const OrtKernelInfo *info_;
};

// Memory that is kept for the next who asks: a new one would cost a page fault for each 4 KiB that it is written to.
class Workspaces {
public:
    Workspaces() = default;
    Workspaces(const Workspaces &) = delete;
    Workspaces &operator=(const Workspaces &) = delete;
    ~Workspaces();

    // At least `rows` rows, or NULL.
    uint64_t *take(int64_t rows);
    void give(uint64_t *rows);

private:
    struct Header;
    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    Header *free_ = nullptr;
};

// A call.
class Call {
public:
    Call(const Name &name, OrtKernelContext *context) : name(name), context_(context) {}

    OrtStatus *matrix(size_t index, const char *input, Matrix *matrix) const;
    // The only element of an input int64 [1].
    OrtStatus *number(size_t index, const char *input, int64_t *value) const;
    // The data of an output, NULL where the node has none there.
    template <class T> OrtStatus *output(size_t index, const int64_t *dims, size_t n_dims, T **data) const
    {
        void *found;
        LGN_TRY(output(index, dims, n_dims, &found));
        *data = static_cast<T *>(found);
        return nullptr;
    }
    // work(i, rows) for every i below n, by the session's threads, each with that many rows of its own.
    template <class Work>
    OrtStatus *parallel(int64_t n, Workspaces &workspaces, int64_t n_rows, const Work &work) const
    {
        bool failed = false;
        const auto one = [&](int64_t i) {
            uint64_t *const rows = workspaces.take(n_rows);
            if (rows == nullptr) {
                __atomic_store_n(&failed, true, __ATOMIC_RELAXED);
                return;
            }
            work(i, rows);
            workspaces.give(rows);
        };
        if (n == 1) {
            one(0);
        } else if (n > 1) {
            using One = decltype(one);
            const auto call = [](void *user, size_t i) { (*static_cast<One *>(user))(static_cast<int64_t>(i)); };
            void *const user = const_cast<void *>(static_cast<const void *>(&one));
            LGN_TRY(api->KernelContext_ParallelFor(context_, call, static_cast<size_t>(n), 0, user));
        }
        return failed ? name.no_memory() : nullptr;
    }

    const Name &name;

private:
    OrtStatus *output(size_t index, const int64_t *dims, size_t n_dims, void **data) const;

    OrtKernelContext *context_;
};

// The table of functions that ONNX Runtime takes for an op: `Kernel` has name, inputs and outputs (types; undefined for
// any that it checks itself), required_inputs, required_outputs, variadic_inputs (how many the last one stands for at
// least; 0 for none such), may_be_in_place (whether the first output may lie where the first input does), create(Node)
// and compute(Call).
template <class Kernel> const OrtCustomOp *op()
{
    static OrtCustomOp table = {};
    table.version = ORT_API_VERSION;
    table.GetName = [](const OrtCustomOp *) { return Kernel::name; };
    table.GetExecutionProviderType = [](const OrtCustomOp *) -> const char * { return nullptr; };
    table.GetInputTypeCount = [](const OrtCustomOp *) { return sizeof Kernel::inputs / sizeof *Kernel::inputs; };
    table.GetInputType = [](const OrtCustomOp *, size_t i) { return Kernel::inputs[i]; };
    table.GetOutputTypeCount = [](const OrtCustomOp *) { return sizeof Kernel::outputs / sizeof *Kernel::outputs; };
    table.GetOutputType = [](const OrtCustomOp *, size_t i) { return Kernel::outputs[i]; };
    table.GetInputCharacteristic = [](const OrtCustomOp *, size_t i) {
        const bool is_last = i + 1 == sizeof Kernel::inputs / sizeof *Kernel::inputs;
        return Kernel::variadic_inputs > 0 && is_last ? INPUT_OUTPUT_VARIADIC
               : i < Kernel::required_inputs          ? INPUT_OUTPUT_REQUIRED
                                                      : INPUT_OUTPUT_OPTIONAL;
    };
    table.GetOutputCharacteristic = [](const OrtCustomOp *, size_t i) {
        return i < Kernel::required_outputs ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
    };
    table.GetInputMemoryType = [](const OrtCustomOp *, size_t) { return OrtMemTypeDefault; };
    table.GetVariadicInputMinArity = [](const OrtCustomOp *) { return Kernel::variadic_inputs; };
    table.GetVariadicInputHomogeneity = [](const OrtCustomOp *) { return 0; };
    table.GetVariadicOutputMinArity = table.GetVariadicOutputHomogeneity = [](const OrtCustomOp *) { return 0; };
    table.GetMayInplace = [](int **input, int **output) -> size_t {
        if (!Kernel::may_be_in_place) {
            return 0;
        }
        *input = static_cast<int *>(calloc(1, sizeof **input));  // the first input, the first output
        *output = static_cast<int *>(calloc(1, sizeof **output));
        return *input != nullptr && *output != nullptr;
    };
    table.ReleaseMayInplace = [](int *input, int *output) {
        free(input);
        free(output);
    };
    table.InferOutputShapeFn = shape_inference(Kernel::name);
    table.GetStartVersion = [](const OrtCustomOp *) { return 1; };
    table.GetEndVersion = [](const OrtCustomOp *) { return 1; };
    table.CreateKernelV2 = [](const OrtCustomOp *, const OrtApi *, const OrtKernelInfo *info, void **out) {
        *out = nullptr;
        const Name name(Kernel::name, info);
        void *const memory = malloc(sizeof(Kernel));
        if (memory == nullptr) {
            return name.no_memory();
        }
        Kernel *const kernel = new (memory) Kernel(name);
        OrtStatus *const status = kernel->create(Node(kernel->who, info));
        if (status != nullptr) {
            kernel->~Kernel();
            free(memory);
            return status;
        }
        *out = kernel;
        return status;
    };
    table.KernelComputeV2 = [](void *kernel, OrtKernelContext *context) {
        Kernel *const self = static_cast<Kernel *>(kernel);
        return self->compute(Call(self->who, context));
    };
    table.KernelDestroy = [](void *kernel) {
        static_cast<Kernel *>(kernel)->~Kernel();
        free(kernel);
    };
    return &table;
}

inline int64_t ceil_div(int64_t dividend, int64_t divisor)
{
    return dividend / divisor + (dividend % divisor != 0);
}

}  // namespace lgn

#endif
