/*
 * Configurations that are right: every key of a full file arrives in its member.  What is left out
 * of a file is a matter of test_config_defaults.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config_rig.h"

static const char full[] =
    "node:\n"
    "  name: node-a\n"
    "  withdrawServices: {notReady: false, networkUnavailable: false, excluded: false, "
    "unschedulable: true, toBeDeleted: false, noExecute: true}\n"
    "router:\n"
    "  asn: 64512\n"
    "  routerID: 10.0.0.11\n"
    "  clusterID: 10.0.0.1\n"
    "  listen: {port: 1179, addresses: [10.0.0.11, \"2001:db8::11\"]}\n"
    "  gracefulRestart: {enabled: false, restartTime: 60s, stalePathTime: 360s, "
    "longLivedStaleTime: 1h}\n"
    "  leave: {gracefulShutdown: true, delay: 1m30s}\n"
    "  nodeOverrides:\n"
    "  - nodeSelector: {matchLabels: {rack: r1}}\n"
    "    asn: 65101\n"
    "  - routerID: 10.0.0.12\n"
    "cluster:\n"
    "  source: manifests\n"
    "  namespace: kbgpd-system\n"
    "  events: false\n"
    "  status: configMap\n"
    "  kubeconfig: /root/.kube/config\n"
    "  servers: [\"https://10.0.0.1:6443\", \"https://10.0.0.2:6443\"]\n"
    "  manifests: /tmp/manifests\n"
    "mesh:\n"
    "  enabled: true\n"
    "  nodeSelector: {matchLabels: {bgp: mesh}}\n"
    "  routeReflector: {nodeSelector: {matchLabels: {rr: yes}}, clusterID: 10.0.0.9}\n"
    "  holdTime: 30s\n"
    "  passwordFile: /etc/kbgpd/mesh\n"
    "  import: [default-route]\n"
    "peers:\n"
    "- name: tor-a\n"
    "  address: 10.0.0.1\n"
    "  port: 1790\n"
    "  asn: 65000\n"
    "  localASN: 64999\n"
    "  localASNMode: no-prepend\n"
    "  localAddress: 10.0.0.11\n"
    "  nodeSelector: {matchLabels: {rack: r1}}\n"
    "  families: [ipv6]\n"
    "  passive: true\n"
    "  holdTime: 9s\n"
    "  keepaliveTime: 2s\n"
    "  connectRetryTime: 300ms\n"
    "  delayOpenTime: 1500ms\n"
    "  ebgpMultihop: 1\n"
    "  ttlSecurity: 1\n"
    "  connectedCheck: false\n"
    "  passwordFile: /etc/kbgpd/secrets/tor-a\n"
    "  bfd: {enabled: false, receiveInterval: 300ms, transmitInterval: 300ms, "
    "detectMultiplier: 3}\n"
    "  gracefulRestart: {enabled: true}\n"
    "  role: rs-client\n"
    "  strictRole: true\n"
    "  routeReflectorClient: false\n"
    "  nextHop: self\n"
    "  addPath: {send: 4, receive: true}\n"
    "  enforceFirstAS: false\n"
    "  allowOwnASN: 2\n"
    "  maxASPathLength: 50\n"
    "  maxPrefixes: 1000\n"
    "  maxPrefixesWarning: 90\n"
    "  aigp: false\n"
    "  stripAttributes: [MULTI_EXIT_DISC, 128, 255]\n"
    "  import: [rest, default-route]\n"
    "  export: [default-route]\n"
    "  shutdown: true\n"
    "- {name: rr, address: \"2001:db8::1\", asn: internal, routeReflectorClient: true}\n"
    "- {name: any, address: 10.0.0.9, asn: external, ebgpMultihop: 3, import: [],\n"
    "  passwordSecret: {name: bgp.tor}}\n"
    "advertisements:\n"
    "- name: pods\n"
    "  type: PodCIDR\n"
    "- name: public\n"
    "  type: Service\n"
    "  addresses: [LoadBalancerIP, ExternalIP]\n"
    "  cidrs: [192.0.2.0/24]\n"
    "  serviceSelector:\n"
    "    matchLabels: {expose: public}\n"
    "    matchExpressions: [{key: tier, operator: NotIn, values: [test, lab]}]\n"
    "  loadBalancerClass: example.com/bgp\n"
    "  aggregationLength: 28\n"
    "  aggregationLengthV6: 112\n"
    "  nodeSelector: {}\n"
    "  peers: [tor-a, mesh]\n"
    "  localPref: 100\n"
    "  med: 10\n"
    "  communities: [\"64512:100\", \"large:64512:1:2\", no-export, public-web]\n"
    "  asPathPrepend: 2\n"
    "- name: fixed\n"
    "  type: Prefix\n"
    "  prefixes: [198.51.100.0/24, \"2001:db8:1::/48\"]\n"
    "communities: {public-web: \"64512:80\"}\n"
    "filters:\n"
    "- name: default-route\n"
    "  rules:\n"
    "  - match: {prefixes: [{prefix: 0.0.0.0/0}, {prefix: \"::/0\"}]}\n"
    "    action: accept\n"
    "    set: {localPref: 200, metric: 50}\n"
    "- name: rest\n"
    "  rules:\n"
    "  - match:\n"
    "      prefixes: [{prefix: 10.0.0.0/8, ge: 16, le: 24}, {prefix: 10.0.0.0/8, ge: 9}, "
    "{prefix: 10.0.0.0/8, le: 10}, 11.0.0.0/8]\n"
    "      communities: public-web\n"
    "      asPathContains: [65001, 65002]\n"
    "      asPathLength: {ge: 1}\n"
    "      originASN: 65003\n"
    "      nextHop: [10.0.0.0/24, 10.1.0.1]\n"
    "      peers: [tor-a]\n"
    "      source: ebgp\n"
    "      family: ipv4\n"
    "    set:\n"
    "      med: 5\n"
    "      communities: {add: [public-web], remove: [\"64512:1\", \"64512:2\"]}\n"
    "      asPathPrepend: 3\n"
    "      nextHop: self\n"
    "    action: accept\n"
    "  - set: {communities: {set: [\"64512:9\"]}, nextHop: 10.0.0.7}\n"
    "    action: accept\n"
    "  - action: reject\n"
    "fib:\n"
    "  install: false\n"
    "  table: 100\n"
    "  protocol: 200\n"
    "  metric: 30\n"
    "  multipath: 4\n"
    "  backup: true\n"
    "  onStop: withdraw\n"
    "  aggregates: unreachable\n"
    "  sourceAddresses: [\"2001:db8::7\", 10.0.0.7]\n"
    "  nextHopObjects: off\n"
    "metrics: {listen: \"127.0.0.1:9000\"}\n"
    "log: {level: debug, format: json}\n";

static void assert_address(const struct ip_address *address, const char *expected)
{
	char text[IP_TEXT_MAX];

	assert_string_equal(ip_address_print(address, text), expected);
}

static void assert_community(const struct bgp_community *community, const char *expected)
{
	struct text text = {NULL, 0, 0};

	bgp_community_print(community->kind, community->bytes, &text);
	assert_string_equal(text.string, expected);
	text_free(&text);
}

static int set_up(void **state)
{
	*state = parse(full);
	return 0;
}

static int tear_down(void **state)
{
	config_free(*state);
	return 0;
}

/* Which of the node's states withdraw its Services, as letters. */
static void assert_node_rules(const struct k8s_node_rules *rules, const char *expected)
{
	static const struct {
		enum k8s_reason reason;
		char letter;
	} letters[] = {{K8S_STOPPING, 's'}, {K8S_NODE_NOT_READY, 'r'},
	    {K8S_NODE_NETWORK_UNAVAILABLE, 'n'}, {K8S_NODE_EXCLUDED, 'x'},
	    {K8S_NODE_UNSCHEDULABLE, 'u'}, {K8S_NODE_TO_BE_DELETED, 'd'},
	    {K8S_NODE_NO_EXECUTE, 'e'}};
	char found[8] = "";
	size_t length = 0;

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (rules->withdraws[letters[i].reason])
			found[length++] = letters[i].letter;
	assert_string_equal(found, expected);
}

static void node_rules_are_read_and_have_defaults(void **state)
{
	const struct config *read = *state;
	struct config *minimal = parse("router: {asn: 1}\n");
	struct config *one =
	    parse("router: {asn: 1}\nnode: {withdrawServices: {noExecute: true}}\n");

	assert_node_rules(&read->node_rules, "ue");
	assert_node_rules(&minimal->node_rules, "rnxd");
	assert_node_rules(&one->node_rules, "rnxde");
	config_free(minimal);
	config_free(one);
}

static void router_is_read(void **state)
{
	const struct config *config = *state;
	const struct config_router *router = &config->router;

	assert_string_equal(config->node_name, "node-a");
	assert_int_equal(router->asn, 64512);
	assert_true(router->has_router_id);
	assert_memory_equal(router->router_id, "\x0a\x00\x00\x0b", 4);
	assert_true(router->has_cluster_id);
	assert_memory_equal(router->cluster_id, "\x0a\x00\x00\x01", 4);
	assert_restart(&router->restart, false, 60, 3600);
	assert_true(router->leave.graceful_shutdown);
	assert_int_equal(router->leave.delay_ms, 90000);
	assert_int_equal(router->listen_port, 1179);
	assert_int_equal(router->listen_address_count, 2);
	assert_address(&router->listen_addresses[0], "10.0.0.11");
	assert_address(&router->listen_addresses[1], "2001:db8::11");
	assert_int_equal(router->override_count, 2);
	assert_int_equal(router->overrides[0].node_selector.count, 1);
	assert_true(router->overrides[0].has_asn);
	assert_int_equal(router->overrides[0].asn, 65101);
	assert_false(router->overrides[0].has_router_id);
	assert_false(router->overrides[1].has_asn);
	assert_true(router->overrides[1].has_router_id);
}

static void cluster_fib_metrics_and_log_are_read(void **state)
{
	const struct config *config = *state;

	assert_int_equal(config->source, CONFIG_SOURCE_MANIFESTS);
	assert_string_equal(config->manifests, "/tmp/manifests");
	assert_string_equal(config->namespace, "kbgpd-system");
	assert_false(config->cluster_events);
	assert_int_equal(config->cluster_status, CONFIG_STATUS_CONFIG_MAP);
	assert_string_equal(config->kubeconfig, "/root/.kube/config");
	assert_string_equal(config->peers[2].password_secret.name, "bgp.tor");
	assert_string_equal(config->peers[2].password_secret.key, "password");
	assert_int_equal(config->api_server_count, 2);
	assert_string_equal(config->api_servers[1], "https://10.0.0.2:6443");
	assert_false(config->fib.install);
	assert_int_equal(config->fib.table, 100);
	assert_int_equal(config->fib.protocol, 200);
	assert_int_equal(config->fib.metric, 30);
	assert_int_equal(config->fib.multipath, 4);
	assert_true(config->fib.backup);
	assert_true(config->fib.withdraw_on_stop);
	assert_int_equal(config->fib.aggregates, CONFIG_AGGREGATES_UNREACHABLE);
	assert_address(&config->fib.sources[IPV4], "10.0.0.7");
	assert_address(&config->fib.sources[IPV6], "2001:db8::7");
	assert_false(config->fib.next_hop_objects);
	assert_string_equal(config->metrics_address, "127.0.0.1");
	assert_int_equal(config->metrics_port, 9000);
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->log_format, LOG_FORMAT_JSON);
}

static void every_key_of_a_peer_is_read(void **state)
{
	const struct config *config = *state;
	const struct config_peer *peer = &config->peers[0];

	assert_int_equal(config->peer_count, 3);
	assert_string_equal(peer->name, "tor-a");
	assert_address(&peer->address, "10.0.0.1");
	assert_int_equal(peer->port, 1790);
	assert_int_equal(peer->remote_as, BGP_REMOTE_AS_NUMBER);
	assert_int_equal(peer->asn, 65000);
	assert_int_equal(peer->local_asn, 64999);
	assert_address(&peer->local_address, "10.0.0.11");
	assert_int_equal(peer->node_selector.count, 1);
	assert_false(peer->families[IPV4]);
	assert_true(peer->families[IPV6]);
	assert_true(peer->passive);
	assert_int_equal(peer->hold_time_ms, 9000);
	assert_int_equal(peer->keepalive_time_ms, 2000);
	assert_int_equal(peer->connect_retry_time_ms, 300);
	assert_int_equal(peer->ebgp_multihop, 1);
	assert_int_equal(peer->ttl_security, 1);
	assert_string_equal(peer->password_file, "/etc/kbgpd/secrets/tor-a");
	assert_false(peer->route_reflector_client);
	assert_int_equal(peer->next_hop, CONFIG_NEXT_HOP_SELF);
	assert_int_equal(peer->allow_own_asn, 2);
	assert_int_equal(peer->max_prefixes, 1000);
	assert_true(peer->has_import);
	assert_int_equal(peer->import_count, 2);
	assert_string_equal(config->filters[peer->import[0]].name, "rest");
	assert_string_equal(config->filters[peer->import[1]].name, "default-route");
	assert_int_equal(peer->export_count, 1);
	assert_int_equal(peer->export[0], 0);
	assert_true(peer->shutdown);
}

static void every_rule_of_a_session_is_read(void **state)
{
	const struct config *config = *state;
	const struct config_peer *peer = &config->peers[0];

	assert_int_equal(peer->local_asn_mode, CONFIG_LOCAL_ASN_NO_PREPEND);
	assert_int_equal(peer->delay_open_time_ms, 1500);
	assert_false(peer->connected_check);
	assert_false(peer->enforce_first_as);
	assert_restart(&peer->restart, true, 60, 3600);
	assert_int_equal(peer->role, BGP_ROLE_ROUTE_SERVER_CLIENT);
	assert_true(peer->strict_role);
	assert_int_equal(peer->add_path_send, 4);
	assert_true(peer->add_path_receive);
	assert_int_equal(peer->max_as_path_length, 50);
	assert_int_equal(peer->max_prefixes_warning, 90);
	assert_true(peer->has_aigp);
	assert_false(peer->aigp);
	assert_int_equal(peer->strip_attributes[0], 1 << BGP_ATTRIBUTE_MED);
	assert_int_equal(peer->strip_attributes[1], 0);
	assert_int_equal(peer->strip_attributes[2], 1);
	assert_true(peer->strip_attributes[3] == (uint64_t)1 << 63);
}

static void a_remote_as_may_be_internal_or_external(void **state)
{
	const struct config *config = *state;

	assert_int_equal(config->peers[1].remote_as, BGP_REMOTE_AS_INTERNAL);
	assert_true(config->peers[1].route_reflector_client);
	assert_int_equal(config->peers[2].remote_as, BGP_REMOTE_AS_EXTERNAL);
	assert_int_equal(config->peers[2].ebgp_multihop, 3);
}

static void an_empty_import_is_not_a_missing_one(void **state)
{
	const struct config *config = *state;

	assert_false(config->peers[1].has_import);
	assert_true(config->peers[2].has_import);
	assert_int_equal(config->peers[2].import_count, 0);
}

static void the_mesh_is_a_peer_to_every_node(void **state)
{
	const struct config *config = *state;
	const struct config_mesh *mesh = &config->mesh;
	static const uint8_t cluster_id[4] = {10, 0, 0, 9};

	assert_true(mesh->enabled);
	assert_string_equal(mesh->peer.name, "mesh");
	assert_int_equal(mesh->peer.node_selector.count, 1);
	assert_true(mesh->has_route_reflectors);
	assert_string_equal(mesh->route_reflectors.items[0].key, "rr");
	assert_true(mesh->has_cluster_id);
	assert_memory_equal(mesh->cluster_id, cluster_id, 4);
	assert_int_equal(mesh->peer.hold_time_ms, 30000);
	assert_string_equal(mesh->peer.password_file, "/etc/kbgpd/mesh");
	assert_true(mesh->peer.has_import);
	/* What it does not say is as for a peer, but that nodes may be routers apart. */
	assert_true(mesh->peer.families[IPV4] && mesh->peer.families[IPV6]);
	assert_int_equal(mesh->peer.port, 179);
	assert_int_equal(mesh->peer.ebgp_multihop, 255);
	assert_true(mesh->peer.enforce_first_as);
	assert_int_equal(mesh->peer.restart.time_s, config->router.restart.time_s);
}

static void every_key_of_a_service_advertisement_is_read(void **state)
{
	const struct config *config = *state;
	const struct config_advertisement *public = &config->advertisements[1];
	const struct k8s_advertisement *what = &public->what;

	assert_int_equal(config->advertisement_count, 3);
	assert_string_equal(public->name, "public");
	assert_int_equal(what->type, K8S_ADVERTISE_SERVICE);
	assert_true(what->addresses[K8S_ADDRESS_LOAD_BALANCER_IP]);
	assert_true(what->addresses[K8S_ADDRESS_EXTERNAL_IP]);
	assert_false(what->addresses[K8S_ADDRESS_CLUSTER_IP]);
	assert_int_equal(what->cidr_count, 1);
	assert_prefix(&what->cidrs[0], "192.0.2.0/24");
	assert_int_equal(what->service_selector.count, 2);
	assert_int_equal(what->service_selector.items[1].relation, K8S_OPERATOR_NOT_IN);
	assert_int_equal(what->service_selector.items[1].value_count, 2);
	assert_string_equal(what->load_balancer_class, "example.com/bgp");
	assert_int_equal(what->aggregation_length[IPV4], 28);
	assert_int_equal(what->aggregation_length[IPV6], 112);
	assert_int_equal(public->peer_count, 2);
	assert_string_equal(public->peers[1], "mesh");
	assert_true(public->has_local_pref);
	assert_int_equal(public->local_pref, 100);
	assert_true(public->has_med);
	assert_int_equal(public->med, 10);
	assert_int_equal(public->as_path_prepend, 2);
	assert_int_equal(public->community_count, 4);
	assert_community(&public->communities[0], "64512:100");
	assert_community(&public->communities[1], "large:64512:1:2");
	assert_community(&public->communities[2], "no-export");
	assert_community(&public->communities[3], "64512:80");
}

static void the_other_advertisements_are_read(void **state)
{
	const struct config *config = *state;
	const struct config_advertisement *fixed = &config->advertisements[2];

	assert_int_equal(config->advertisements[0].what.type, K8S_ADVERTISE_POD_CIDR);
	assert_false(config->advertisements[0].has_local_pref);
	assert_int_equal(config->advertisements[0].peer_count, 0);
	assert_int_equal(fixed->what.type, K8S_ADVERTISE_PREFIX);
	assert_int_equal(fixed->what.prefix_count, 2);
	assert_prefix(&fixed->what.prefixes[1], "2001:db8:1::/48");
}

static void every_condition_of_a_rule_is_read(void **state)
{
	const struct config *config = *state;
	const struct policy_match *match = &config->filters[1].rules[0].match;

	assert_int_equal(config->filter_count, 2);
	assert_int_equal(config->filters[1].rule_count, 3);
	assert_int_equal(match->prefix_count, 4);
	assert_true(match->prefixes_sorted);
	assert_int_equal(match->community_count, 1);
	assert_community(&match->communities[0], "64512:80");
	assert_int_equal(match->as_path_contains_count, 2);
	assert_int_equal(match->as_path_contains[1], 65002);
	assert_true(match->has_as_path_length);
	assert_int_equal(match->as_path_length_ge, 1);
	assert_int_equal(match->as_path_length_le, UINT32_MAX);
	assert_int_equal(match->origin_asn_count, 1);
	assert_int_equal(match->origin_asns[0], 65003);
	assert_int_equal(match->next_hop_count, 2);
	assert_prefix(&match->next_hops[1], "10.1.0.1/32");
	assert_int_equal(match->peer_count, 1);
	assert_string_equal(match->peers[0], "tor-a");
	assert_true(match->has_source);
	assert_int_equal(match->source, POLICY_SOURCE_EBGP);
	assert_true(match->has_family);
	assert_int_equal(match->family, IPV4);
}

static void bounds_of_prefixes_have_defaults(void **state)
{
	static const struct {
		const char *prefix;
		uint8_t ge;
		uint8_t le;
	} rows[] = {
	    {"10.0.0.0/8", 8, 10},
	    {"10.0.0.0/8", 9, 32},
	    {"10.0.0.0/8", 16, 24},
	    {"11.0.0.0/8", 8, 8},
	};
	const struct config *config = *state;
	const struct policy_match *match = &config->filters[1].rules[0].match;

	for (size_t i = 0; i < 4; i++) {
		assert_prefix(&match->prefixes[i].prefix, rows[i].prefix);
		assert_int_equal(match->prefixes[i].ge, rows[i].ge);
		assert_int_equal(match->prefixes[i].le, rows[i].le);
	}
}

static void every_set_of_a_rule_is_read(void **state)
{
	const struct config *config = *state;
	const struct policy_set *first = &config->filters[0].rules[0].set;
	const struct policy_rule *rules = config->filters[1].rules;

	assert_true(first->has_local_pref);
	assert_int_equal(first->local_pref, 200);
	assert_true(first->has_metric);
	assert_int_equal(first->metric, 50);
	assert_false(first->has_med);
	assert_true(rules[0].set.has_med);
	assert_int_equal(rules[0].set.med, 5);
	assert_false(rules[0].set.replace_communities);
	assert_int_equal(rules[0].set.add_count, 1);
	assert_int_equal(rules[0].set.remove_count, 2);
	assert_community(&rules[0].set.remove[1], "64512:2");
	assert_int_equal(rules[0].set.as_path_prepend, 3);
	assert_true(rules[0].set.has_next_hop);
	assert_true(ip_address_is_unspecified(&rules[0].set.next_hop));
	assert_int_equal(rules[0].action, POLICY_ACCEPT);
	assert_true(rules[1].set.replace_communities);
	assert_int_equal(rules[1].set.add_count, 1);
	assert_address(&rules[1].set.next_hop, "10.0.0.7");
	assert_int_equal(rules[2].action, POLICY_REJECT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		node_rules_are_read_and_have_defaults, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(router_is_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		cluster_fib_metrics_and_log_are_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(every_key_of_a_peer_is_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(every_rule_of_a_session_is_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_remote_as_may_be_internal_or_external, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		an_empty_import_is_not_a_missing_one, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_mesh_is_a_peer_to_every_node, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		every_key_of_a_service_advertisement_is_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_other_advertisements_are_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(every_condition_of_a_rule_is_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(bounds_of_prefixes_have_defaults, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(every_set_of_a_rule_is_read, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
