# ./demo --kubernetes: what the demo has in place of the folder of manifests, and the stages that
# only a real control plane can show.  Sourced by ./demo.
# shellcheck shell=bash

kubernetes_packages=(etcd-server openssl python3 python3-pytest)

# The control plane does as it is told, a line each (tests/demo/plane.py); prints its answer.
plane() {
	local status answer
	printf '%s\n' "$*" >&"${PLANE[1]}"
	read -r status answer <&"${PLANE[0]}" || answer="it has ended"
	if [[ $status != ok ]]; then
		echo "the control plane, at \"$*\": $answer" >&2
		return 1
	fi
	echo "$answer"
}

tell_plane() {
	plane "$@" >/dev/null || fail "the control plane could not"
}

require_control_plane() {
	local folder
	folder=$(tests/control_plane --folder)
	[[ -x $folder/kube-apiserver && -x $folder/kube-controller-manager ]] && return
	die "there is no control plane in $folder: tests/control_plane builds it, once, in some minutes"
}

# The host of the control plane, behind the ToR.  Nodes have a way to it without BGP.
add_control_plane() {
	coproc PLANE {
		KBGPD_LAB_PATIENCE=$patience \
			exec /usr/bin/python3 -B tests/demo/plane.py "$prefix" "$state" 2>"$state/plane.log"
	}
	tell_plane hello
	add_link tor api api eth0
	add_address tor api 10.3.0.1/24
	add_address api eth0 10.3.0.10/24
	on api ip route add default via 10.3.0.1
	tell_plane start
}

add_cluster() {
	local node block
	stage "etcd, kube-apiserver with RBAC, and controllers start, on a host behind the ToR"
	add_control_plane
	for node in "${nodes[@]}"; do
		tell_plane node "node-$node" "10.${rack_of[$node]}.0.1$node" "r${rack_of[$node]}"
	done
	for node in "${nodes[@]}"; do
		block=$(plane pod_cidr "node-$node") || fail "no pod CIDR"
		pods_of[node]=$block
		echo "    node-$node: the controller gave it the pod CIDR $block.0/24"
	done
}

# What runs in the cluster: three pods can answer for the Service, two are endpoints of it.
fill_cluster() {
	local node
	tell_plane service web "$vip"
	for node in 1 3; do
		add_endpoint "$node"
	done
	for node in "${nodes[@]}"; do
		on "node-$node" ip route add 10.3.0.0/24 via "10.${rack_of[$node]}.0.1"
		tell_plane kubeconfig "node-$node" "$state/node-$node.kubeconfig"
		sed -e 's/source: manifests/source: kubernetes/' \
			-e "s|manifests: .*|kubeconfig: $state/node-$node.kubeconfig|" \
			tests/demo/kbgpd.yaml >"$state/node-$node.yaml"
	done
	echo "    endpoints of the Service web: $(plane endpoints web)"
}

add_endpoint() {
	tell_plane pod web "node-$1" "${pods_of[$1]}.10"
}

tor_reaches_service_by() {
	local node
	tor_has $# "$vip" || return
	for node in "$@"; do
		on tor ip route show "$vip" | grep -q "via 10.${rack_of[$node]}.0.1$node " || return
	done
}

show_endpoint_moves() {
	local from=$1 to=$2 begin
	stage "The pod on node-$from goes, one on node-$to comes; the controller and the route follow"
	begin=$EPOCHREALTIME
	add_endpoint "$to"
	tell_plane remove_pod web "node-$from"
	wait_for "the Service's route by node-1 and node-$to" tor_reaches_service_by 1 "$to"
	printf '    the ToR has the new next hops, %d ms after the first change was asked for\n' \
		$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
	echo "    endpoints of the Service web: $(plane endpoints web)"
	show tor ip route show "$vip"
	show_both_answer 1 "$to"
}

mesh_is_up() {
	[[ $(node_ctl "$1" peers | grep -c 'mesh/.*Established') -eq $((${#nodes[@]} - 1)) ]]
}

show_mesh() {
	local node file
	stage "Mesh: {enabled: true} is added to the file; peers come from the Node objects"
	for node in "${nodes[@]}"; do
		file=$state/node-$node.yaml
		{ cat "$file" && echo "mesh: {enabled: true}"; } >"$file.new" && mv "$file.new" "$file"
	done
	for node in "${nodes[@]}"; do
		wait_for "node-$node's sessions of the mesh" mesh_is_up "$node"
	done
	show node-1 "$kbgpctl" -s "$state/node-1.sock" peers
	wait_for "the way to node-2's pods without the ToR" node_has_by 1 "${pods_of[2]}.0/24" 10.1.0.12
	show node-1 ip route show proto bgp
	show pod-1 ping -n -c 3 -i 0.2 "${pods_of[2]}.10" || fail "no answer from pod-2"
}

node_has_by() {
	on "node-$1" ip route show "$2" proto bgp | grep -q "via $3 "
}

# The status of each has a line that matches.
nodes_show() {
	local node
	for node in "${nodes[@]}"; do
		node_ctl "$node" status | grep -q "$1" || return
	done
}

# What the nodes have withdrawn from the ToR so far.
withdrawals() {
	tor_birdc show protocols all | grep 'Import withdraws:' || fail "BIRD counts no withdrawals"
}

show_cluster_of() {
	show "node-$1" "$kbgpctl" -s "$state/node-$1.sock" status |
		sed -n '1p; /Cluster:/,/Mesh:/ { /Mesh:/! p }'
}

show_outage() {
	local before
	stage "The API server is killed: nothing is withdrawn, and the view says how old it is"
	before=$(withdrawals)
	tell_plane kill
	# Their view of the cluster is a second old, or older.
	wait_for "kbgpd to miss the API server" nodes_show 'not connected, as it was [1-9]'
	show_cluster_of 1
	[[ $(withdrawals) == "$before" ]] || fail "something was withdrawn"
	show tor ip route show "$vip"
	show client curl -s --max-time 10 "http://$vip/" || fail "no answer from $vip"

	stage "It comes back: what changes then is followed, and nothing was withdrawn in between"
	tell_plane restart
	wait_for "kbgpd to find the API server" nodes_show 'API server .*: connected'
	[[ $(withdrawals) == "$before" ]] || fail "something was withdrawn"
	show_cluster_of 1
	show_endpoint_moves 2 3
}

show_how_to_ask_api_server() {
	local files=$state/api/kubernetes
	cat <<-END
		The cluster is what the API server says, here to its administrator:
		    ip netns exec $prefix-api curl --cacert $files/authority/ca.crt \\
		        --cert $(plane admin_certificate) --key $(plane admin_key) \\
		        https://127.0.0.1:6443/api/v1/nodes
	END
}
