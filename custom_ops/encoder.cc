#include "encoder.h"

#include <math.h>
#include <string.h>

namespace lgn {
namespace {

template <class T> T *copy(const T *values, int64_t size)
{
    T *const result = static_cast<T *>(malloc(static_cast<size_t>(size) * sizeof(T)));
    if (result != nullptr) {
        memcpy(result, values, static_cast<size_t>(size) * sizeof(T));
    }
    return result;
}

}  // namespace

Encoder::~Encoder()
{
    while (prepared_ != nullptr) {
        Prepared *const next = prepared_->next;
        lgn_free_comparisons(&prepared_->comparisons);
        free(prepared_);
        prepared_ = next;
    }
    free(feature_);
    free(minus_);
    free(bit_);
    free(threshold_);
}

OrtStatus *Encoder::create(const Node &node, const Matrix &samples, size_t feature, size_t threshold, size_t minus)
{
    Vector<int32_t> features;
    Vector<float> thresholds;
    LGN_TRY(node.constant(feature, "feature", &features));
    LGN_TRY(node.constant(threshold, "threshold", &thresholds));
    if (features.size != thresholds.size || features.size < 1 || features.size > INT32_MAX / LGN_BLOCK) {
        return node.name.error("there are %lld features and %lld thresholds; give one each a bit, at least one",
                               static_cast<long long>(features.size), static_cast<long long>(thresholds.size));
    }
    for (int64_t i = 0; i < features.size; i++) {
        if (features[i] < 0) {
            return node.name.error("feature[%lld] is %d; it must not be negative", static_cast<long long>(i),
                                   features[i]);
        }
        if (!isfinite(thresholds[i])) {
            return node.name.error("threshold[%lld] is not finite", static_cast<long long>(i));
        }
    }
    type_ = samples.type;
    bits_ = static_cast<int32_t>(features.size);
    feature_ = copy(features.data, features.size);
    threshold_ = copy(thresholds.data, thresholds.size);
    if (feature_ == nullptr || threshold_ == nullptr) {
        return node.name.no_memory();
    }
    return minus == none ? nullptr : read_minus(node, minus);
}

OrtStatus *Encoder::read_minus(const Node &node, size_t minus)
{
    Vector<int32_t> subtracted;
    LGN_TRY(node.constant(minus, "minus", &subtracted));
    if (subtracted.size != bits_) {
        return node.name.error("there are %lld of minus and %d bits; give one each a bit",
                               static_cast<long long>(subtracted.size), bits_);
    }
    for (int64_t i = 0; i < subtracted.size; i++) {
        if (subtracted[i] < -1) {
            return node.name.error("minus[%lld] is %d; it is a feature, or -1 for none", static_cast<long long>(i),
                                   subtracted[i]);
        }
    }
    minus_ = copy(subtracted.data, subtracted.size);
    return minus_ == nullptr ? node.name.no_memory() : nullptr;
}

OrtStatus *Encoder::load(const Name &who, const int32_t *bit, int32_t n_bits, int32_t n_slots)
{
    bit_ = bit == nullptr ? static_cast<int32_t *>(malloc(static_cast<size_t>(n_bits) * sizeof *bit_))
                          : copy(bit, n_bits);
    if (bit_ == nullptr) {
        return who.no_memory();
    }
    for (int32_t i = 0; bit == nullptr && i < n_bits; i++) {
        bit_[i] = i;
    }
    loaded_ = n_bits;
    n_slots_ = n_slots;
    return nullptr;
}

OrtStatus *Encoder::check(const Name &who, const Matrix &samples) const
{
    if (samples.type != type_) {
        return who.error("the samples have another type than when the session was created");
    }
    return nullptr;
}

OrtStatus *Encoder::comparisons(const Name &who, int64_t n_features, const lgn_comparisons **found)
{
    pthread_mutex_lock(&mutex_);
    OrtStatus *const status = prepare(who, n_features, found);
    pthread_mutex_unlock(&mutex_);
    return status;
}

OrtStatus *Encoder::prepare(const Name &who, int64_t n_features, const lgn_comparisons **found)
{
    for (const Prepared *p = prepared_; p != nullptr; p = p->next) {
        if (p->n_features == n_features) {
            *found = &p->comparisons;
            return nullptr;
        }
    }
    for (int32_t i = 0; i < bits_; i++) {
        if (feature_[i] >= n_features) {
            return who.error("feature[%d] is %d; the samples have the features 0 to %lld", i, feature_[i],
                             static_cast<long long>(n_features - 1));
        }
    }
    for (int32_t i = 0; minus_ != nullptr && i < bits_; i++) {
        if (minus_[i] >= n_features) {
            return who.error("minus[%d] is %d; the samples have the features 0 to %lld", i, minus_[i],
                             static_cast<long long>(n_features - 1));
        }
    }
    Prepared *const made = static_cast<Prepared *>(calloc(1, sizeof *made));
    if (made == nullptr) {
        return who.no_memory();
    }
    const lgn_encoder encoder = {is_float(), bits_, n_features, feature_, minus_, threshold_};
    const lgn_status status = lgn_make_comparisons(&encoder, bit_, loaded_, n_slots_, &made->comparisons);
    if (status != LGN_OK) {
        lgn_free_comparisons(&made->comparisons);
        free(made);
        return status == LGN_TOO_LARGE
                   ? who.error("samples of %lld features are too large", static_cast<long long>(n_features))
                   : who.no_memory();
    }
    made->n_features = n_features;
    made->next = prepared_;
    prepared_ = made;
    *found = &made->comparisons;
    return nullptr;
}

}  // namespace lgn
