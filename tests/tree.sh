# What ./check and ./demo share: packages and build trees.  Sourced by bash, in the source tree.
# shellcheck shell=bash disable=SC2034

# Packages that the build needs.
build_packages=(
	autoconf automake make gcc libc6-dev pkg-config
	libevent-dev libssl-dev libnl-route-3-dev libyaml-dev libjansson-dev libcap-dev libcmocka-dev
)
# Services that apt must not leave running: what a lab runs, it runs itself.
lab_services=(bird frr gobgpd openbgpd bgplgd rpki-client.timer exabgp etcd nftables)

die() {
	echo "$*" >&2
	exit 1
}

# The packages of "$@" that are not installed.
missing_packages() {
	local name state
	for name in "$@"; do
		state=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)
		[[ $state == installed ]] || echo "$name"
	done
}

# Installs what is missing of "$@", without starting or enabling any service of it.
install_packages() {
	local missing policy=/usr/sbin/policy-rc.d enabled=() name status=0
	mapfile -t missing < <(missing_packages "$@")
	[[ ${#missing[@]} -gt 0 ]] || return 0
	for name in "${lab_services[@]}"; do
		systemctl is-enabled -q "$name" 2>/dev/null && enabled+=("$name")
	done
	[[ ! -e $policy ]] || policy=
	[[ -z $policy ]] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"; }
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get -qq update && apt-get -qq -y --no-install-recommends install "${missing[@]}"; } ||
		status=1
	[[ -z $policy ]] || rm -f "$policy"
	for name in "${lab_services[@]}"; do
		[[ " ${enabled[*]} " == *" $name "* ]] || systemctl -q disable "$name" 2>/dev/null
	done
	return $status
}

# Writes ./configure if it is not there or older than what it is made from.
bootstrap() {
	if [[ ! -x configure || configure.ac -nt configure || Makefile.am -nt Makefile.in ]]; then
		autoreconf -fi
	fi
}

# build_tree NAME OPTION...: configures build/NAME once per set of options, and makes it.
build_tree() {
	local tree=build/$1
	shift
	mkdir -p "$tree"
	if [[ ! -e $tree/Makefile || $(cat "$tree/options" 2>/dev/null) != "$*" ]]; then
		rm -rf "$tree" && mkdir -p "$tree"
		(cd "$tree" && ../../configure -q "$@") || return
		echo "$*" >"$tree/options"
	fi
	make -s -C "$tree" -j"$(nproc)" all
}

# The tree that is measured, shown and shipped.
build_release() {
	build_tree release --enable-werror
}
