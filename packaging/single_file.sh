#!/bin/sh
# @TITLE@ It brings a Python of its own and needs glibc @GLIBC@ or newer, tar and gzip.
#
# The first start unpacks what follows this script into a private directory, and later starts run it there:
# $FERRYMAN_UNPACK_DIR, /var/cache/ferryman for root, or ~/.cache/ferryman.
set -eu

content=@CONTENT@

fail() {
	echo "ferryman: $1" >&2
	exit 1
}

unpack() {
	(umask 077 && mkdir -p "$base") || fail "$base cannot be created. Name another directory in FERRYMAN_UNPACK_DIR."
	new=$(mktemp -d "$base/.new.XXXXXXXX") || fail "$base cannot be written to. Name another directory in FERRYMAN_UNPACK_DIR."
	trap 'rm -rf "$new"' EXIT
	trap 'exit 1' HUP INT TERM
	tail -n +@FIRST_LINE@ "$0" | tar -xzf - -C "$new" || fail "$0 cannot be unpacked in $base: it is damaged, the disk is full, or tar or gzip is missing."
	mv -T "$new" "$home" 2>/dev/null || [ -x "$home/ferryman" ] || fail "$home cannot be created."
	rm -rf "$new"
	trap - EXIT HUP INT TERM
}

if [ -n "${FERRYMAN_UNPACK_DIR:-}" ]; then
	base=$FERRYMAN_UNPACK_DIR
elif [ "$(id -u)" = 0 ]; then
	base=/var/cache/ferryman
else
	base=${XDG_CACHE_HOME:-${HOME:?}/.cache}/ferryman
fi
home=$base/$content
[ -x "$home/ferryman" ] || unpack
# Somebody else may have been there first, where the directory is everybody's.
[ -O "$home" ] || fail "$home belongs to another user. Name a directory of your own in FERRYMAN_UNPACK_DIR."

case $0 in
/*) FERRYMAN_PROGRAM=$0 ;;
*) FERRYMAN_PROGRAM=$PWD/$0 ;;
esac
export FERRYMAN_PROGRAM
case ${0##*/} in
session-manager-plugin*) set -- internal-part session-manager-plugin "$@" ;;
esac
exec "$home/ferryman" "$@"
