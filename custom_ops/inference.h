// Shapes of outputs, for ONNX Runtime to know before a session runs.

#ifndef LGN_INFERENCE_H
#define LGN_INFERENCE_H

#include "ort_abi.h"

namespace lgn {

typedef OrtStatusPtr ShapeInference(const OrtCustomOp *op, OrtShapeInferContext *context);

// What infers the shapes of an op's outputs, or NULL.
ShapeInference *shape_inference(const char *op);

}  // namespace lgn

#endif
