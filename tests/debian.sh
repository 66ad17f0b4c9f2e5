#!/bin/sh
# Unpack packages of Debian into a folder; nothing is installed, and what they depend on does not come along.
#     debian.sh FOLDER SUITE ARCHITECTURE PACKAGE ...
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
suite=$2
architecture=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"

# apt with settings, lists and an architecture of its own
cat >"$work/apt.conf" <<END
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "$work";
Dir::State::status "$work/status";
Dir::Cache "$work";
END
echo "deb http://deb.debian.org/debian $suite main" >"$work/sources.list"
: >"$work/status"
export APT_CONFIG="$work/apt.conf"
cd "$work"
apt-get --quiet=2 update
apt-get --quiet=2 download "$@"
for package in ./*.deb; do
    dpkg-deb --extract "$package" "$folder"
done
