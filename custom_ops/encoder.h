// An encoder: which feature each bit watches, and what it must exceed.

#ifndef LGN_ENCODER_H
#define LGN_ENCODER_H

#include "comparisons.h"
#include "shim.h"

namespace lgn {

class Encoder {
public:
    static constexpr size_t none = SIZE_MAX;

    Encoder() = default;
    Encoder(const Encoder &) = delete;
    Encoder &operator=(const Encoder &) = delete;
    ~Encoder();

    // Read the inputs `feature`, `threshold` and `minus`, if it has that, of a node, and the type of its samples.
    OrtStatus *create(const Node &node, const Matrix &samples, size_t feature, size_t threshold, size_t minus = none);
    // Say which bits go to slots 0, 1, ... below n_slots; all of them where `bit` is NULL. It is copied.
    OrtStatus *load(const Name &who, const int32_t *bit, int32_t n_bits, int32_t n_slots);
    // What must be done for samples of that many features; the first call with a number prepares it.
    OrtStatus *comparisons(const Name &who, int64_t n_features, const lgn_comparisons **found);
    OrtStatus *check(const Name &who, const Matrix &samples) const;

    int32_t bits() const { return bits_; }
    ONNXTensorElementDataType type() const { return type_; }
    size_t sample_bytes(int64_t n_features) const { return static_cast<size_t>(n_features) * (is_float() ? 4u : 1u); }

private:
    struct Prepared {
        Prepared *next;
        int64_t n_features;
        lgn_comparisons comparisons;
    };
    bool is_float() const { return type_ == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
    OrtStatus *read_minus(const Node &node, size_t minus);
    OrtStatus *prepare(const Name &who, int64_t n_features, const lgn_comparisons **found);

    ONNXTensorElementDataType type_ = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    int32_t bits_ = 0, loaded_ = 0, n_slots_ = 0;
    int32_t *feature_ = nullptr, *minus_ = nullptr, *bit_ = nullptr;
    float *threshold_ = nullptr;
    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    Prepared *prepared_ = nullptr;
};

}  // namespace lgn

#endif
