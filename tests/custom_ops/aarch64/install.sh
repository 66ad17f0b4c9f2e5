#!/bin/sh
# An aarch64 Python with ONNX Runtime in a folder, for qemu-aarch64 to run: Debian's packages unpacked, nothing installed.
#     install.sh FOLDER PYTHON     (PYTHON is one of this machine, with pip; versions are those of constraints.txt)
set -eu
folder=$1
python=$2
packages=$folder/packages
root=$folder/root
rm -rf "$folder"
mkdir -p "$packages/lists/partial" "$packages/archives/partial" "$root/site" "$root/proc"
folder=$(cd "$folder" && pwd)
packages=$folder/packages
root=$folder/root

# apt with a list of packages and an architecture of its own
cat >"$packages/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Dir::State "$packages";
Dir::State::status "$packages/status";
Dir::Cache "$packages";
END
: >"$packages/status"
export APT_CONFIG="$packages/apt.conf"
apt-get --quiet=2 update
apt-get --quiet=2 install --yes --no-install-recommends --download-only python3-minimal libpython3-stdlib libstdc++6
for package in "$packages"/archives/*.deb; do
    dpkg-deb --extract "$package" "$root"
done

found=$(basename "$root"/usr/bin/python3.*)
version=${found#python}
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: -c constraints.txt \
    --python-version "$version" --implementation cp --platform manylinux_2_28_aarch64 \
    --platform manylinux_2_27_aarch64 --platform manylinux_2_17_aarch64 --dest "$packages" numpy onnxruntime
for wheel in "$packages"/*.whl; do
    "$python" -m zipfile -e "$wheel" "$root/site"
done

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
rm -rf "$packages"
ln -sf "$found" "$root/usr/bin/python"
