// Every op of the domain.

#ifndef LGN_OPS_H
#define LGN_OPS_H

#include "ort_abi.h"

namespace lgn {

const OrtCustomOp *threshold_op();
const OrtCustomOp *threshold_difference_op();
const OrtCustomOp *logic_layer_op();
const OrtCustomOp *logic_conv2d_op();
const OrtCustomOp *or_pool2d_op();
const OrtCustomOp *group_sum_op();
const OrtCustomOp *bits_op();
const OrtCustomOp *logic_network_op();
const OrtCustomOp *logic_network_difference_op();
const OrtCustomOp *logic_circuit_op();
const OrtCustomOp *logic_circuit_difference_op();

}  // namespace lgn

#endif
