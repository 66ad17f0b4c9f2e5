"""See `torch.utils.cpp_extension`."""
