#!/bin/sh
# An aarch64 Python with ONNX Runtime in a folder, for qemu-aarch64 to run.
#     install.sh FOLDER PYTHON     (PYTHON is one of this machine, with pip; versions are those of constraints.txt)
set -eu
root=$1/root
rm -rf "$1"
mkdir -p "$root/site" "$root/proc"
tests/debian.sh "$root" bookworm arm64 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib \
    libc6 libstdc++6 libgcc-s1 zlib1g libexpat1 libffi8
"$2" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: -c constraints.txt \
    --python-version 3.11 --implementation cp --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux_2_17_aarch64 --dest "$1/wheels" numpy onnxruntime
for wheel in "$1"/wheels/*.whl; do
    "$2" -m zipfile -e "$wheel" "$root/site"
done
rm -rf "$1/wheels"

# ONNX Runtime asks which processor it runs on, and must not see that of the machine around the emulator.
cat >"$root/proc/cpuinfo" <<END
processor	: 0
Features	: fp asimd
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd08
CPU revision	: 3

END
