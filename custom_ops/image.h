// What the ops over images share: the window, and the image with its padding in rows of a block.

#ifndef LGN_IMAGE_H
#define LGN_IMAGE_H

#include "shim.h"

namespace lgn {

struct Image {
    // Read and check the attributes, and what is known of the input, words.
    OrtStatus *create(const Node &node);
    OrtStatus *check(const Name &who, const Matrix &words) const;

    int32_t n_inputs() const { return channels * height * width; }
    int32_t plane() const { return padded[0] * padded[1]; }
    int32_t n_rows() const { return channels * plane(); }
    // The row of a cell of the window at the first place, in the first channel.
    int32_t row(int32_t y, int32_t x) const { return y * padded[1] + x; }
    // Rows from a place to the one below it, and the one right of it; 0 where there is none.
    int32_t down() const { return places[0] > 1 ? stride[0] * padded[1] : 0; }
    int32_t right() const { return places[1] > 1 ? stride[1] : 0; }
    // The image of a block of words, with its padding.
    void fill(const Matrix &words, int64_t first, int32_t count, uint64_t *rows) const;

    int32_t channels = 0, height = 0, width = 0;
    int32_t size[2] = {}, stride[2] = {}, padding[2] = {};  // rows, columns
    int32_t padded[2] = {}, places[2] = {};
};

constexpr int32_t most_rows = INT32_MAX / LGN_LANES;  // kernels compute addresses in int32

// How often a window fits into a length, from one end to the other.
inline int64_t places_of(int64_t length, int64_t size, int64_t stride)
{
    return (length - size) / stride + 1;
}

}  // namespace lgn

#endif
