#include "head.h"

#include <math.h>

namespace lgn {

OrtStatus *Head::create(const Node &node)
{
    int64_t found;
    LGN_TRY(node.attribute("classes", &found));
    LGN_TRY(node.attribute("tau", &tau));
    LGN_TRY(node.attribute("beta", &beta));
    if (found < 1 || found > largest_classes) {
        return node.name.error("there are %lld classes; give 1 to %lld", static_cast<long long>(found),
                               static_cast<long long>(largest_classes));
    }
    if (!isfinite(tau) || tau <= 0.0f || !isfinite(beta)) {
        return node.name.error("tau is %g and beta %g; tau must be finite and positive, beta finite",
                               static_cast<double>(tau), static_cast<double>(beta));
    }
    classes = static_cast<int32_t>(found);
    return nullptr;
}

void Head::logits(const int32_t *scores, int64_t n, float *logits) const
{
    for (int64_t i = 0; i < n * classes; i++) {
        logits[i] = (static_cast<float>(scores[i]) + beta) / tau;
    }
}

}  // namespace lgn
