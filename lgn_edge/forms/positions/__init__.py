"""One sample at a time: positions of an image are the bits of words, and a kernel runs on a word at a time."""
