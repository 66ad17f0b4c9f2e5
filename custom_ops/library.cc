// The one function that ONNX Runtime calls: put the ops of the domain `ai.lgn` into the options of a session.

#include <pthread.h>

#include "ops.h"
#include "shim.h"

namespace lgn {
namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
OrtCustomOpDomain *domain = nullptr;  // for all sessions of the process, which do not own it

OrtStatus *make_domain()
{
    LGN_TRY(api->CreateCustomOpDomain("ai.lgn", &domain));
    const OrtCustomOp *const ops[] = {threshold_op(), threshold_difference_op(), logic_layer_op(),
                                      logic_conv2d_op(), or_pool2d_op(), group_sum_op(),
                                      bits_op(), logic_network_op(), logic_network_difference_op(),
                                      logic_circuit_op(), logic_circuit_difference_op()};
    for (const OrtCustomOp *const op : ops) {
        LGN_TRY(api->CustomOpDomain_Add(domain, op));
    }
    return nullptr;
}

OrtStatus *add(OrtSessionOptions *options, const OrtApiBase *base)
{
    const OrtApi *const found = base->GetApi(ORT_API_VERSION);
    if (found == nullptr) {
        // The first function of the table is there in every version.
        return base->GetApi(1)->CreateStatus(
            ORT_FAIL, "ai.lgn: this ONNX Runtime is too old for the library; use 1.18 or newer");
    }
    api = found;
    kernels = lgn_best_kernels();
    if (kernels == nullptr) {
        return api->CreateStatus(ORT_NOT_IMPLEMENTED, "ai.lgn: this processor is older than x86-64-v2");
    }
    if (domain == nullptr) {
        LGN_TRY(make_domain());
    }
    return api->AddCustomOpDomain(options, domain);
}

}  // namespace
}  // namespace lgn

extern "C" __attribute__((visibility("default"))) OrtStatus *RegisterCustomOps(OrtSessionOptions *options,
                                                                               const OrtApiBase *base)
{
    pthread_mutex_lock(&lgn::mutex);
    OrtStatus *const status = lgn::add(options, base);
    pthread_mutex_unlock(&lgn::mutex);
    return status;
}
