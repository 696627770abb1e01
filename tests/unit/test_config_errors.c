/*
 * What is wrong with a configuration, word by word; the peers have a file of their own,
 * test_config_peer_errors.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "config/config.h"
#include "config_errors.h"

#define ADVERTISEMENT(keys) ROUTER "advertisements:\n- {name: s, " keys "}\n"
#define TEN "1:1, 1:2, 1:3, 1:4, 1:5, 1:6, 1:7, 1:8, 1:9, 1:10, "
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define RULE(keys) ROUTER "filters:\n- name: f\n  rules:\n  - {" keys "}\n"

static const struct config_error_row rows[] = {
    /* YAML itself */
    {"router: {asn: 1\n", "k.yaml:2:1: no valid YAML: while parsing a flow mapping did not find "
			  "expected ',' or '}'\n"},
    {"router: {asn: 1}\n"
     "\tx: 1\n",
	"k.yaml:2:1: no valid YAML: while scanning for the next token found "
	"character that cannot start any token\n"},
    {"a: *x\n", "k.yaml:1:4: no valid YAML: found undefined alias\n"},
    {"[]\n", "k.yaml:1:1: must be a mapping, not a list\n"},
    {"router\n", "k.yaml:1:1: must be a mapping, not text\n"},
    {"", "k.yaml:1:1: router.asn: is required, but missing\n"},
    {"# nothing\n", "k.yaml:1:1: router.asn: is required, but missing\n"},
    {ROUTER "---\n"
	    "router: {asn: 2}\n",
	"k.yaml:3:1: a second document; the file must have only one\n"},
    {ROUTER "router: {asn: 2}\n",
	"k.yaml:2:1: key \"router\" is here twice; the first is in line 1\n"},
    {ROUTER "fib: {metric: 1, table: main, metric: 2}\n",
	"k.yaml:2:31: key \"metric\" is here twice; the first is in line 2\n"},
    {"? [a]\n"
     ": 1\n",
	"k.yaml:1:3: a key must be a word, not a list\n"},
    {ROUTER "log: {level: \"in\\0fo\"}\n",
	"k.yaml:2:14: log.level: must have a value, not text with a NUL byte\n"},
    {"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]"
     "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
	"k.yaml:1:67: nested more than 64 levels deep\n"},
    /* keys */
    {"node: {name: a}\n", "k.yaml:1:1: router.asn: is required, but missing\n"},
    {"router: {}\n", "k.yaml:1:9: router.asn: is required, but missing\n"},
    {"routr: {asn: 1}\n", "k.yaml:1:1: router.asn: is required, but missing\n"
			  "k.yaml:1:1: routr: unknown key; did you mean \"router\"?\n"},
    {ROUTER "bgp: {}\n", "k.yaml:2:1: bgp: unknown key\n"},
    {ROUTER "peer: []\n", "k.yaml:2:1: peer: unknown key; did you mean \"peers\"?\n"},
    {"router: {asn: 1, routerId: 1.2.3.4, lisen: {}}\n",
	"k.yaml:1:18: router.routerId: unknown key; did you mean \"routerID\"?\n"
	"k.yaml:1:37: router.lisen: unknown key; did you mean \"listen\"?\n"},
    {"router: 1\n", "k.yaml:1:9: router: must be a mapping, not text\n"},
    {ROUTER "peers: {}\n", "k.yaml:2:8: peers: must be a list, not a mapping\n"},
    {ROUTER "peers: [a]\n", "k.yaml:2:9: peers[0]: must be a mapping, not text\n"},
    {ROUTER "peers: [{}]\n",
	"k.yaml:2:9: peers[0].name: is required, but missing\n"
	"k.yaml:2:9: peers[0].asn: is required, but missing\n"
	"k.yaml:2:9: peers[0].address: is required, unless there is an interface or a range\n"},
    {ROUTER "fib:\n"
	    "- install\n",
	"k.yaml:3:1: fib: must be a mapping, not a list\n"},
    {ROUTER "log: {level: }\n", "k.yaml:2:14: log.level: must have a value, not nothing\n"},
    /* node and router */
    {ROUTER "node: {name: \"\"}\n",
	"k.yaml:2:14: node.name: must be a name of 1 to 63 characters\n"},
    {ROUTER "node: {name: a b}\n",
	"k.yaml:2:14: node.name: must be a name without spaces and special "
	"characters\n"},
    {"router: {asn: 0}\n", "k.yaml:1:15: router.asn: must not be 0, which is no AS (RFC 7607)\n"},
    {"router: {asn: \"1\"}\n", "k.yaml:1:15: router.asn: must not be in quotes\n"},
    {"router: {asn: 23456}\n",
	"k.yaml:1:15: router.asn: must not be 23456, which is AS_TRANS (RFC 6793)\n"},
    {"router: {asn: 4294967296}\n",
	"k.yaml:1:15: router.asn: must be an AS number from 1 to 4294967295, not "
	"\"4294967296\"\n"},
    {"router: {asn: internal}\n",
	"k.yaml:1:15: router.asn: must be an AS number from 1 to 4294967295, not "
	"\"internal\"\n"},
    {"router: {asn: 1, routerID: 0.0.0.0}\n",
	"k.yaml:1:28: router.routerID: must be an IPv4 address other than 0.0.0.0, "
	"not \"0.0.0.0\"\n"},
    {"router: {asn: 1, routerID: \"::1\"}\n",
	"k.yaml:1:28: router.routerID: must be an IPv4 address other than 0.0.0.0, "
	"not \"::1\"\n"},
    {"router: {asn: 1, listen: {addresses: [224.0.0.1, 0.0.0.0, \"fe80::1\"]}}\n",
	"k.yaml:1:39: router.listen.addresses[0]: must be an address of this node, not "
	"224.0.0.1\n"
	"k.yaml:1:59: router.listen.addresses[2]: fe80::1 is link-local, which means nothing "
	"without its link\n"},
    {"router: {asn: 1, listen: {port: 65536, addresses: [x]}}\n",
	"k.yaml:1:33: router.listen.port: must be a number from 0 to 65535, not "
	"\"65536\"\n"
	"k.yaml:1:52: router.listen.addresses[0]: must be an IPv4 or IPv6 address, "
	"not \"x\"\n"},
    {"router: {asn: 1, gracefulRestart: {enabled: 1, restartTime: 4096s}}\n",
	"k.yaml:1:45: router.gracefulRestart.enabled: must be true or false, not \"1\"\n"
	"k.yaml:1:61: router.gracefulRestart.restartTime: must be from 0s to 4095s, not "
	"4096s\n"},
    {"router: {asn: 1, gracefulRestart: {restartTime: 1500ms, stalePathTime: x}}\n",
	"k.yaml:1:49: router.gracefulRestart.restartTime: must be in whole seconds, not 1500ms\n"
	"k.yaml:1:72: router.gracefulRestart.stalePathTime: must be a duration such as 9s, 300ms "
	"or 2m, not \"x\"\n"},
    {"router: {asn: 1, gracefulRestart: {longLivedStaleTime: 1m1ms, time: 1s}}\n",
	"k.yaml:1:56: router.gracefulRestart.longLivedStaleTime: must be in whole seconds, not "
	"1m1ms\n"
	"k.yaml:1:63: router.gracefulRestart.time: unknown key\n"},
    {"router: {asn: 1, leave: {gracefulShutdown: true}}\n",
	"k.yaml:1:44: router.leave.gracefulShutdown: needs a delay: without one the neighbours "
	"have no time to take another way\n"},
    {"router: {asn: 1, leave: {gracefulShutdown: true, delay: 10m1ms}}\n",
	"k.yaml:1:57: router.leave.delay: must be from 0s to 600s, not 10m1ms\n"},
    {ROUTER "node: {withdrawServices: {notready: true}}\n",
	"k.yaml:2:27: node.withdrawServices.notready: unknown key; did you mean \"notReady\"?\n"},
    {"router: {asn: 1, clusterID: 0.0.0.0}\n",
	"k.yaml:1:29: router.clusterID: must be an IPv4 address other than 0.0.0.0, not "
	"\"0.0.0.0\"\n"},
    {"router: {asn: 1, nodeOverrides: [{nodeSelector: {matchLabels: [a]}, asn: "
     "0}]}\n",
	"k.yaml:1:63: router.nodeOverrides[0].nodeSelector.matchLabels: must be a "
	"mapping, not a list\n"
	"k.yaml:1:74: router.nodeOverrides[0].asn: must not be 0, which is no AS "
	"(RFC 7607)\n"},
    /* selectors */
    {PEER("nodeSelector: {labels: {a: b}}"),
	"k.yaml:3:59: peers[0].nodeSelector.labels: unknown key\n"},
    {PEER("nodeSelector: {matchLabels: {a: }}"),
	"k.yaml:3:76: peers[0].nodeSelector.matchLabels.a: must have a value, not "
	"nothing\n"},
    {PEER("nodeSelector: {matchExpressions: {}}"),
	"k.yaml:3:77: peers[0].nodeSelector.matchExpressions: must be a list, not a "
	"mapping\n"},
    {PEER("nodeSelector: {matchExpressions: [{key: a}]}"),
	"k.yaml:3:78: peers[0].nodeSelector.matchExpressions[0].operator: is "
	"required, but missing\n"},
    {PEER("nodeSelector: {matchExpressions: [{key: a, operator: Is}]}"),
	"k.yaml:3:97: peers[0].nodeSelector.matchExpressions[0].operator: must be "
	"In, NotIn, Exists or DoesNotExist, not \"Is\"\n"},
    {PEER("nodeSelector: {matchExpressions: [{key: a, operator: In}]}"),
	"k.yaml:3:78: peers[0].nodeSelector.matchExpressions[0].values: must not be "
	"empty with operator In\n"},
    {PEER("nodeSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}"),
	"k.yaml:3:105: peers[0].nodeSelector.matchExpressions[0].values: must be "
	"empty with operator Exists\n"},
    /* cluster and mesh */
    {ROUTER "cluster: {source: file}\n",
	"k.yaml:2:19: cluster.source: must be none, manifests or kubernetes, not "
	"\"file\"\n"},
    {ROUTER "cluster: {kubeconfig: []}\n",
	"k.yaml:2:23: cluster.kubeconfig: must have a value, not a list\n"},
    {ROUTER "cluster: {servers: [\"https://a\", \"http://b\"]}\n",
	"k.yaml:2:34: cluster.servers[1]: \"http://b\" does not begin with https://: the API "
	"server is asked over TLS only\n"},
    {ROUTER "cluster: {manifests: \"\"}\n", "k.yaml:2:22: cluster.manifests: must not be empty\n"},
    {ROUTER "mesh: {enabled: true}\n",
	"k.yaml:2:17: mesh.enabled: cannot be true: with cluster.source none no other node is "
	"known\n"},
    {"router: {asn: 1, listen: {port: 0}}\ncluster: {source: manifests}\nmesh: {enabled: true}\n",
	"k.yaml:3:17: mesh.enabled: cannot be true: with router.listen.port 0 nothing listens\n"},
    {ROUTER "mesh: {holdTime: 1s, import: [], maxPrefixesWarning: 50}\n",
	"k.yaml:2:18: mesh.holdTime: must be 0s, or 3s or more in whole seconds\n"
	"k.yaml:2:34: mesh.maxPrefixesWarning: is of no use without maxPrefixes\n"},
    {ROUTER "mesh: {passive: true, routeReflectorClient: true, routeReflector: {clusterID: 1}}\n",
	"k.yaml:2:8: mesh.passive: unknown key\n"
	"k.yaml:2:23: mesh.routeReflectorClient: unknown key; did you mean \"routeReflector\"?\n"
	"k.yaml:2:67: mesh.routeReflector.nodeSelector: is required, but missing\n"
	"k.yaml:2:79: mesh.routeReflector.clusterID: must be an IPv4 address other than 0.0.0.0, not \"1\"\n"},
    {ROUTER "mesh: {enabled: false, holdTime: 1s, address: 10.0.0.1, import: [x]}\n",
	"k.yaml:2:38: mesh.address: unknown key\n"
	"k.yaml:2:66: mesh.import[0]: there is no filter \"x\"\n"},
    {ROUTER "mesh: {bfd: {enabled: true}}\n",
	"k.yaml:2:8: mesh.bfd: not supported yet: remove it, or set enabled: false\n"},
    /* advertisements */
    {ROUTER "advertisements: [{}]\n",
	"k.yaml:2:18: advertisements[0].name: is required, but missing\n"
	"k.yaml:2:18: advertisements[0].type: is required, but missing\n"},
    {ADVERTISEMENT("type: Pod"),
	"k.yaml:3:19: advertisements[0].type: must be PodCIDR, Service or Prefix, "
	"not \"Pod\"\n"},
    {ADVERTISEMENT("type: Prefix"),
	"k.yaml:3:3: advertisements[0].prefixes: type Prefix needs at least one\n"},
    {ADVERTISEMENT("type: Prefix, prefixes: [10.0.0.1/8]"),
	"k.yaml:3:38: advertisements[0].prefixes[0]: 10.0.0.1/8 has bits set beyond "
	"its length; did you mean 10.0.0.0/8?\n"},
    {ADVERTISEMENT("type: Prefix, prefixes: [10.0.0.1]"),
	"k.yaml:3:38: advertisements[0].prefixes[0]: must be a prefix; for this one "
	"address write 10.0.0.1/32\n"},
    {ADVERTISEMENT("type: Prefix, prefixes: [10.0.0.0/33]"),
	"k.yaml:3:38: advertisements[0].prefixes[0]: must be a prefix such as "
	"192.0.2.0/24 or 2001:db8::/32, not \"10.0.0.0/33\"\n"},
    {ADVERTISEMENT("type: Prefix, prefixes: [127.0.0.0/8]"),
	"k.yaml:3:37: advertisements[0].prefixes: 127.0.0.0/8 is never to be "
	"announced: it is no unicast prefix\n"},
    {ADVERTISEMENT("type: PodCIDR, cidrs: [10.0.0.0/8], prefixes: [10.0.0.0/8]"),
	"k.yaml:3:28: advertisements[0].cidrs: is for type Service, not PodCIDR\n"
	"k.yaml:3:49: advertisements[0].prefixes: is for type Prefix, not PodCIDR\n"},
    {ADVERTISEMENT("type: Service, addresses: [ExternalIP]"),
	"k.yaml:3:3: advertisements[0].cidrs: is required with addresses: "
	"[ExternalIP]\n"},
    {ADVERTISEMENT("type: Service, addresses: []"),
	"k.yaml:3:39: advertisements[0].addresses: must not be empty\n"},
    {ADVERTISEMENT("type: Service, addresses: [NodePort]"),
	"k.yaml:3:40: advertisements[0].addresses[0]: must be LoadBalancerIP, "
	"ExternalIP or ClusterIP, not \"NodePort\"\n"},
    {ADVERTISEMENT("type: Service, aggregationLength: 33, aggregationLengthV6: 129"),
	"k.yaml:3:47: advertisements[0].aggregationLength: must be a number from 1 "
	"to 32, not \"33\"\n"
	"k.yaml:3:72: advertisements[0].aggregationLengthV6: must be a number from 1 "
	"to 128, not \"129\"\n"},
    {ADVERTISEMENT("type: PodCIDR, peers: [tor]"),
	"k.yaml:3:36: advertisements[0].peers[0]: there is no peer \"tor\"\n"},
    {ADVERTISEMENT("type: PodCIDR, communities: [" HUNDRED "1:1]"),
	"k.yaml:3:41: advertisements[0].communities: must have at most 100 items, not 101\n"},
    {ADVERTISEMENT("type: PodCIDR, communities: [web]"),
	"k.yaml:3:42: advertisements[0].communities[0]: \"web\" is neither a "
	"community nor an alias in communities\n"},
    {ADVERTISEMENT("type: PodCIDR, localPref: x, med: 4294967296, asPathPrepend: 33"),
	"k.yaml:3:39: advertisements[0].localPref: must be a number from 0 to "
	"4294967295, not \"x\"\n"
	"k.yaml:3:47: advertisements[0].med: must be a number from 0 to 4294967295, "
	"not \"4294967296\"\n"
	"k.yaml:3:74: advertisements[0].asPathPrepend: must be a number from 0 to "
	"32, not \"33\"\n"},
    {ROUTER "advertisements:\n"
	    "- {name: a, type: PodCIDR}\n"
	    "- {name: a, type: PodCIDR}\n",
	"k.yaml:4:10: advertisements[1].name: \"a\" is already the name of "
	"advertisements[0]\n"},
    /* communities and filters */
    {ROUTER "communities: {a: b}\n",
	"k.yaml:2:18: communities.a: must be a community such as 64512:80 or "
	"large:64512:1:2, not \"b\"\n"},
    {ROUTER "communities: {no-export: \"1:1\"}\n",
	"k.yaml:2:15: communities.no-export: is a community itself and cannot be an "
	"alias\n"},
    {ROUTER "communities: [a]\n", "k.yaml:2:14: communities: must be a mapping, not a list\n"},
    {ROUTER "communities: {a: \"1:65536\"}\n",
	"k.yaml:2:18: communities.a: must be a community such as 64512:80 or "
	"large:64512:1:2, not \"1:65536\"\n"},
    {ROUTER "filters: [{}]\n", "k.yaml:2:11: filters[0].name: is required, but missing\n"
			       "k.yaml:2:11: filters[0].rules: is required, but missing\n"},
    {ROUTER "filters:\n"
	    "- {name: f, rules: []}\n"
	    "- {name: f, rules: []}\n",
	"k.yaml:4:10: filters[1].name: \"f\" is already the name of filters[0]\n"},
    {RULE("match: {}"), "k.yaml:5:5: filters[0].rules[0].action: is required, but missing\n"},
    {RULE("action: permit"),
	"k.yaml:5:14: filters[0].rules[0].action: must be reject or accept, not "
	"\"permit\"\n"},
    {RULE("action: reject, set: {med: 1}"),
	"k.yaml:5:22: filters[0].rules[0].set: is of no use with action: reject\n"},
    {RULE("action: accept, match: {prefixes: []}"),
	"k.yaml:5:40: filters[0].rules[0].match.prefixes: must not be empty: leave "
	"it out to match everything\n"},
    {RULE("action: accept, match: {prefixes: [10.0.0.1/8]}"),
	"k.yaml:5:41: filters[0].rules[0].match.prefixes[0]: 10.0.0.1/8 has bits set "
	"beyond its length; did you mean 10.0.0.0/8?\n"},
    {RULE("action: accept, match: {prefixes: [{prefix: 10.0.0.0/8, ge: 7}]}"),
	"k.yaml:5:66: filters[0].rules[0].match.prefixes[0].ge: must not be less "
	"than the prefix's own length, 8\n"},
    {RULE("action: accept, match: {prefixes: [{prefix: 10.0.0.0/8, ge: 33}]}"),
	"k.yaml:5:66: filters[0].rules[0].match.prefixes[0].ge: must not be more "
	"than 32\n"},
    {RULE("action: accept, match: {prefixes: [{prefix: 10.0.0.0/8, le: 33}]}"),
	"k.yaml:5:66: filters[0].rules[0].match.prefixes[0].le: must not be more "
	"than 32\n"},
    {RULE("action: accept, match: {prefixes: [{prefix: 10.0.0.0/8, ge: 24, le: 16}]}"),
	"k.yaml:5:74: filters[0].rules[0].match.prefixes[0].le: must not be less "
	"than ge, 24\n"},
    {RULE("action: accept, match: {prefixes: [{prefix: 10.0.0.0/8, le: 7}]}"),
	"k.yaml:5:66: filters[0].rules[0].match.prefixes[0].le: must not be less "
	"than the prefix's own length, 8\n"},
    {RULE("action: accept, match: {prefixes: [{ge: 7}]}"),
	"k.yaml:5:41: filters[0].rules[0].match.prefixes[0].prefix: is required, but "
	"missing\n"},
    {RULE("action: accept, match: {communities: [web], asPathContains: [0], originASN: "
	  "[x], nextHop: [10.0.0.1/8]}"),
	"k.yaml:5:44: filters[0].rules[0].match.communities[0]: \"web\" is neither a "
	"community nor an alias in communities\n"
	"k.yaml:5:67: filters[0].rules[0].match.asPathContains[0]: must not be 0, "
	"which is no AS (RFC 7607)\n"
	"k.yaml:5:83: filters[0].rules[0].match.originASN[0]: must be an AS number "
	"from 1 to 4294967295, not \"x\"\n"
	"k.yaml:5:97: filters[0].rules[0].match.nextHop[0]: 10.0.0.1/8 has bits set "
	"beyond its length; did you mean 10.0.0.0/8?\n"},
    {RULE("action: accept, match: {asPathLength: {ge: 3, le: 2}}"),
	"k.yaml:5:56: filters[0].rules[0].match.asPathLength.le: must not be less "
	"than ge\n"},
    {RULE("action: accept, match: {peers: [tor], source: bgp, family: inet}"),
	"k.yaml:5:38: filters[0].rules[0].match.peers[0]: there is no peer \"tor\"\n"
	"k.yaml:5:52: filters[0].rules[0].match.source: must be local, ebgp or ibgp, "
	"not \"bgp\"\n"
	"k.yaml:5:65: filters[0].rules[0].match.family: must be ipv4 or ipv6, not "
	"\"inet\"\n"},
    {RULE("action: accept, match: {sorce: local}"),
	"k.yaml:5:30: filters[0].rules[0].match.sorce: unknown key; did you mean "
	"\"source\"?\n"},
    {RULE("action: accept, set: {nextHop: them, metric: 0, asPathPrepend: 33}"),
	"k.yaml:5:37: filters[0].rules[0].set.nextHop: must be an address or self, "
	"not \"them\"\n"
	"k.yaml:5:51: filters[0].rules[0].set.metric: must be a number from 1 to "
	"4294967295, not \"0\"\n"
	"k.yaml:5:69: filters[0].rules[0].set.asPathPrepend: must be a number from 0 "
	"to 32, not \"33\"\n"},
    {RULE("action: accept, set: {communities: {set: [\"1:1\"], add: [\"1:2\"]}}"),
	"k.yaml:5:42: filters[0].rules[0].set.communities.set: excludes add and "
	"remove\n"},
    {RULE("action: accept, set: {communities: {add: [" HUNDRED "1:1]}}"),
	"k.yaml:5:47: filters[0].rules[0].set.communities.add: must have at most 100 items, not "
	"101\n"},
    {RULE("action: accept, set: {communities: {set: [" HUNDRED "1:1]}}"),
	"k.yaml:5:47: filters[0].rules[0].set.communities.set: must have at most 100 items, not "
	"101\n"},
    {RULE("action: accept, set: {communities: [\"1:1\"]}"),
	"k.yaml:5:41: filters[0].rules[0].set.communities: must be a mapping, not a "
	"list\n"},
    /* fib, metrics and log */
    {ROUTER "fib: {install: 1, table: mian, protocol: static, metric: 0, multipath: 65, "
	    "onStop: never, backup: maybe, nextHopObjects: on}\n",
	"k.yaml:2:16: fib.install: must be true or false, not \"1\"\n"
	"k.yaml:2:26: fib.table: must be main, default or the number of a routing "
	"table, not \"mian\"\n"
	"k.yaml:2:42: fib.protocol: must be bgp or a protocol number from 5 to 255, "
	"not \"static\"\n"
	"k.yaml:2:58: fib.metric: must be a number from 1 to 4294967295, not \"0\"\n"
	"k.yaml:2:72: fib.multipath: must be a number from 1 to 64, not \"65\"\n"
	"k.yaml:2:84: fib.onStop: must be keep or withdraw, not \"never\"\n"
	"k.yaml:2:99: fib.backup: must be true or false, not \"maybe\"\n"
	"k.yaml:2:122: fib.nextHopObjects: must be off or auto, not \"on\"\n"},
    {ROUTER "fib: {table: local}\n",
	"k.yaml:2:14: fib.table: must not be local: that table is the kernel's own\n"},
    {ROUTER "fib: {table: 255, protocol: 4}\n",
	"k.yaml:2:14: fib.table: must not be local: that table is the kernel's own\n"
	"k.yaml:2:29: fib.protocol: must be more than 4: routes of protocol 4 are "
	"the kernel's or the administrator's\n"},
    {ROUTER "fib: {table: 0, multipath: 0}\n",
	"k.yaml:2:14: fib.table: must be main, default or the number of a routing "
	"table, not \"0\"\n"
	"k.yaml:2:28: fib.multipath: must be a number from 1 to 64, not \"0\"\n"},
    {ROUTER "fib: {aggregates: drop, sourceAddresses: 10.0.0.7}\n",
	"k.yaml:2:19: fib.aggregates: must be none, blackhole or unreachable, not \"drop\"\n"
	"k.yaml:2:42: fib.sourceAddresses: must be a list, not text\n"},
    {ROUTER "fib: {sourceAddresses: [10.0.0.7, \"2001:db8::7\", 10.0.0.8, \"::\"]}\n",
	"k.yaml:2:50: fib.sourceAddresses[2]: there may be only one of each family\n"
	"k.yaml:2:60: fib.sourceAddresses[3]: must be a unicast address that is not "
	"link-local, not \"::\"\n"},
    {ROUTER "fib: {sourceAddresses: [10.0.0.0/8, 224.0.0.1, 127.0.0.1, \"fe80::1\", {}]}\n",
	"k.yaml:2:25: fib.sourceAddresses[0]: must be a unicast address that is not "
	"link-local, not \"10.0.0.0/8\"\n"
	"k.yaml:2:37: fib.sourceAddresses[1]: must be a unicast address that is not "
	"link-local, not \"224.0.0.1\"\n"
	"k.yaml:2:48: fib.sourceAddresses[2]: must be a unicast address that is not "
	"link-local, not \"127.0.0.1\"\n"
	"k.yaml:2:59: fib.sourceAddresses[3]: must be a unicast address that is not "
	"link-local, not \"fe80::1\"\n"
	"k.yaml:2:70: fib.sourceAddresses[4]: must have a value, not a mapping\n"},
    {ROUTER "metrics: {listen: 7473}\n",
	"k.yaml:2:19: metrics.listen: must be \":PORT\", \"ADDRESS:PORT\", "
	"\"[IPV6]:PORT\" or empty, not \"7473\"\n"},
    {ROUTER "metrics: {listen: \"host:1\"}\n",
	"k.yaml:2:19: metrics.listen: must be \":PORT\", \"ADDRESS:PORT\", "
	"\"[IPV6]:PORT\" or empty, not \"host:1\"\n"},
    {ROUTER "log: {level: verbose, format: xml}\n",
	"k.yaml:2:14: log.level: must be error, warning, info or debug, not "
	"\"verbose\"\n"
	"k.yaml:2:31: log.format: must be text or json, not \"xml\"\n"},
};

static void every_error_has_its_exact_lines(void **state)
{
	(void)state;
	assert_config_errors(rows, COUNT(rows));
}

static void errors_are_in_the_order_of_the_file(void **state)
{
	static const char yaml[] = "log: {level: x}\n"
				   "filters: 1\n"
				   "peers: 1\n"
				   "node: {name: a b}\n"
				   "router: {asn: 0}\n";
	struct text errors = {NULL, 0, 0};

	(void)state;
	assert_null(config_parse(yaml, strlen(yaml), "f", &environment, &errors));
	assert_string_equal(errors.string,
	    "f:1:14: log.level: must be error, warning, info or debug, not \"x\"\n"
	    "f:2:10: filters: must be a list, not text\n"
	    "f:3:8: peers: must be a list, not text\n"
	    "f:4:14: node.name: must be a name without spaces and special characters\n"
	    "f:5:15: router.asn: must not be 0, which is no AS (RFC 7607)\n");
	text_free(&errors);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	static const char yaml[] = ROUTER "log: {level: \"\\e[31m\"}\n";
	struct text errors = {NULL, 0, 0};

	(void)state;
	assert_null(config_parse(yaml, strlen(yaml), "f", &environment, &errors));
	assert_null(strchr(errors.string, '\x1b'));
	assert_non_null(strstr(errors.string, "\\x1b[31m"));
	text_free(&errors);
}

static void more_errors_than_anybody_reads_are_counted(void **state)
{
	struct text yaml = {NULL, 0, 0};
	struct text errors = {NULL, 0, 0};

	(void)state;
	text_append(&yaml, "router: {asn: 1}\n");
	for (unsigned i = 0; i < 1200; i++)
		text_append(&yaml, "x%u: 1\n", i);
	assert_null(config_parse(yaml.string, yaml.length, "f", &environment, &errors));
	assert_non_null(strstr(errors.string, "\nf: 200 more errors are not shown\n"));
	text_free(&yaml);
	text_free(&errors);
}

static void aliases_that_multiply_are_refused(void **state)
{
	struct text yaml = {NULL, 0, 0};
	struct text errors = {NULL, 0, 0};

	(void)state;
	text_append(&yaml, "router: {asn: 1}\nfilters:\n- name: f\n  rules:\n");
	text_append(&yaml, "  - &r\n    action: accept\n    match:\n      prefixes:\n");
	for (unsigned i = 0; i < 500; i++)
		text_append(&yaml, "      - 10.0.0.0/8\n");
	for (unsigned i = 0; i < 500; i++)
		text_append(&yaml, "  - *r\n");
	assert_null(config_parse(yaml.string, yaml.length, "f", &environment, &errors));
	assert_string_equal(errors.string,
	    "f:9:7: filters[0].rules[18].match.prefixes: too many repetitions by aliases\n");
	text_free(&yaml);
	text_free(&errors);
}

static void a_node_that_contains_itself_is_only_read_once_per_level(void **state)
{
	static const char yaml[] = "&all\nrouter: *all\nasn: 1\n";
	struct text errors = {NULL, 0, 0};

	(void)state;
	assert_null(config_parse(yaml, strlen(yaml), "f", &environment, &errors));
	assert_string_equal(errors.string,
	    "f:2:1: router.router: unknown key; did you mean \"routerID\"?\n"
	    "f:3:1: asn: unknown key\n");
	text_free(&errors);
}

static void more_than_63_kinds_of_peers_are_refused(void **state)
{
	struct text yaml = {NULL, 0, 0};
	struct text errors = {NULL, 0, 0};

	(void)state;
	text_append(&yaml, "router: {asn: 1}\npeers:\n");
	for (unsigned i = 0; i < 64; i++)
		text_append(&yaml, "- {name: p%u, address: 10.0.0.%u, asn: 2}\n", i, i + 1);
	text_append(&yaml, "advertisements:\n");
	for (unsigned i = 0; i < 64; i++)
		text_append(&yaml, "- {name: a%u, type: PodCIDR, peers: [p%u]}\n", i, i);
	assert_null(config_parse(yaml.string, yaml.length, "f", &environment, &errors));
	assert_string_equal(errors.string,
	    "f:131:37: advertisements[63].peers: the lists so far tell peers apart in more than 63"
	    " ways: peers that are in the same lists count as one\n");
	text_free(&yaml);
	text_free(&errors);
}

static void a_file_that_cannot_be_read_is_one_error(void **state)
{
	struct text errors = {NULL, 0, 0};

	(void)state;
	assert_null(config_load("/nonexistent/kbgpd.yaml", &environment, &errors));
	assert_string_equal(
	    errors.string, "/nonexistent/kbgpd.yaml: cannot be read: No such file or directory\n");
	text_free(&errors);
}

static void a_node_without_any_name_is_refused(void **state)
{
	static const struct config_environment nameless = {.node_name = "", .host_name = NULL};
	struct text errors = {NULL, 0, 0};

	(void)state;
	assert_null(config_parse(ROUTER, strlen(ROUTER), "f", &nameless, &errors));
	assert_string_equal(errors.string,
	    "f:1:1: node.name: is required: neither $NODE_NAME nor the host has a name\n");
	text_free(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_error_has_its_exact_lines),
	    cmocka_unit_test(errors_are_in_the_order_of_the_file),
	    cmocka_unit_test(control_characters_do_not_reach_the_terminal),
	    cmocka_unit_test(more_errors_than_anybody_reads_are_counted),
	    cmocka_unit_test(aliases_that_multiply_are_refused),
	    cmocka_unit_test(a_node_that_contains_itself_is_only_read_once_per_level),
	    cmocka_unit_test(more_than_63_kinds_of_peers_are_refused),
	    cmocka_unit_test(a_file_that_cannot_be_read_is_one_error),
	    cmocka_unit_test(a_node_without_any_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
