// What follows from counted ones: scores, logits, classes.

#ifndef LGN_HEAD_H
#define LGN_HEAD_H

#include "shim.h"

namespace lgn {

constexpr int64_t largest_classes = 65535;

struct Head {
    int32_t classes = 0;
    float tau = 0.0f, beta = 0.0f;

    // Read the attributes classes, tau and beta.
    OrtStatus *create(const Node &node);
    // (score + beta) / tau, each operation rounded.
    void logits(const int32_t *scores, int64_t n, float *logits) const;
};

}  // namespace lgn

#endif
