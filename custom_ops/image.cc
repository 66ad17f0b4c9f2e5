#include "image.h"

#include <string.h>

namespace lgn {
namespace {

OrtStatus *in_range(const Name &who, const char *what, int64_t value, int64_t least)
{
    if (value >= least && value <= most_rows) {
        return nullptr;
    }
    return who.error("%s is %lld; give %lld to %d", what, static_cast<long long>(value), static_cast<long long>(least),
                     most_rows);
}

OrtStatus *number(const Node &node, const char *attribute, int32_t *value)
{
    int64_t found;
    LGN_TRY(node.attribute(attribute, &found));
    LGN_TRY(in_range(node.name, attribute, found, 1));
    *value = static_cast<int32_t>(found);
    return nullptr;
}

OrtStatus *pair(const Node &node, const char *attribute, int64_t least, int32_t (*values)[2])
{
    int64_t found[2];
    LGN_TRY(node.attribute(attribute, &found));
    for (int i = 0; i < 2; i++) {
        LGN_TRY(in_range(node.name, attribute, found[i], least));
        (*values)[i] = static_cast<int32_t>(found[i]);
    }
    return nullptr;
}

}  // namespace

OrtStatus *Image::create(const Node &node)
{
    Matrix words;
    LGN_TRY(node.matrix(0, "words", &words));
    LGN_TRY(number(node, "channels", &channels));
    LGN_TRY(number(node, "height", &height));
    LGN_TRY(number(node, "width", &width));
    LGN_TRY(pair(node, "size", 1, &size));
    LGN_TRY(pair(node, "stride", 1, &stride));
    LGN_TRY(pair(node, "padding", 0, &padding));
    const int64_t sides[] = {height + int64_t{2} * padding[0], width + int64_t{2} * padding[1]};
    if (size[0] > sides[0] || size[1] > sides[1]) {
        return node.name.error("a window of %d x %d does not fit into the image of %lld x %lld, its padding included",
                               size[0], size[1], static_cast<long long>(sides[0]), static_cast<long long>(sides[1]));
    }
    if (sides[0] * sides[1] > most_rows / channels) {
        return node.name.error("%d channels of %lld x %lld are more than %d signals", channels,
                               static_cast<long long>(sides[0]), static_cast<long long>(sides[1]), most_rows);
    }
    for (int i = 0; i < 2; i++) {
        padded[i] = static_cast<int32_t>(sides[i]);
        places[i] = static_cast<int32_t>(places_of(sides[i], size[i], stride[i]));
    }
    return words.rows < 0 ? nullptr : check(node.name, words);
}

OrtStatus *Image::check(const Name &who, const Matrix &words) const
{
    if (words.rows == n_inputs()) {
        return nullptr;
    }
    return who.error("there are %lld signals, for %d channels of %d x %d", static_cast<long long>(words.rows), channels,
                     height, width);
}

void Image::fill(const Matrix &words, int64_t first, int32_t count, uint64_t *rows) const
{
    const uint64_t *const from = static_cast<const uint64_t *>(words.data) + first;
    const auto read = kernels->read[0];
    if (padding[0] == 0 && padding[1] == 0) {
        read(from, words.columns, count, rows, n_inputs());
        return;
    }
    memset(rows, 0, static_cast<size_t>(n_rows()) * LGN_ROW_BYTES);
    for (int32_t channel = 0; channel < channels; channel++) {
        for (int32_t y = 0; y < height; y++) {
            const int64_t line = int64_t{channel} * height + y;
            const int64_t to = int64_t{channel} * plane() + row(y + padding[0], padding[1]);
            read(from + line * width * words.columns, words.columns, count, rows + to * LGN_LANES, width);
        }
    }
}

}  // namespace lgn
