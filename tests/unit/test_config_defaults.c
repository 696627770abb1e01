/*
 * Configurations that are right and say little: what is not there has the documented default, and
 * what may be said in a shorter form is taken.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config_rig.h"

/* Of a text as printf() has it. */
__attribute__((format(printf, 1, 2))) static struct config *parse_printed(const char *format, ...)
{
	char yaml[512];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(yaml, sizeof(yaml), format, arguments);
	va_end(arguments);
	assert_in_range(length, 1, sizeof(yaml) - 1);
	return parse(yaml);
}

static void a_minimal_file_has_the_documented_defaults(void **state)
{
	struct config *config = parse("router: {asn: 64512}\n");

	(void)state;
	assert_string_equal(config->node_name, "node-from-environment");
	assert_false(config->router.has_router_id);
	assert_false(config->router.has_cluster_id);
	assert_restart(&config->router.restart, true, 120, 0);
	assert_false(config->router.leave.graceful_shutdown);
	assert_int_equal(config->router.leave.delay_ms, 0);
	assert_int_equal(config->router.listen_port, 179);
	assert_int_equal(config->router.listen_address_count, 0);
	assert_int_equal(config->source, CONFIG_SOURCE_NONE);
	assert_string_equal(config->manifests, "/etc/kbgpd/manifests");
	assert_string_equal(config->namespace, "");
	assert_true(config->cluster_events);
	assert_int_equal(config->cluster_status, CONFIG_STATUS_NONE);
	assert_string_equal(config->kubeconfig, "");
	assert_int_equal(config->peer_count, 0);
	assert_true(config->fib.install);
	assert_int_equal(config->fib.table, 254);
	assert_int_equal(config->fib.protocol, 186);
	assert_int_equal(config->fib.metric, 20);
	assert_int_equal(config->fib.multipath, 16);
	assert_false(config->fib.backup);
	assert_false(config->fib.withdraw_on_stop);
	assert_int_equal(config->fib.aggregates, CONFIG_AGGREGATES_NONE);
	assert_true(ip_address_is_unspecified(&config->fib.sources[IPV4]));
	assert_false(config->mesh.enabled);
	assert_true(ip_address_is_unspecified(&config->fib.sources[IPV6]));
	assert_true(config->fib.next_hop_objects);
	assert_string_equal(config->metrics_address, "");
	assert_int_equal(config->metrics_port, 7473);
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	assert_int_equal(config->log_format, LOG_FORMAT_TEXT);
	config_free(config);
}

static void a_minimal_peer_has_the_documented_defaults(void **state)
{
	struct config *config = parse("router: {asn: 64512}\n"
				      "peers:\n- {name: a, address: 10.0.0.1, asn: 65000}\n");
	const struct config_peer *peer = &config->peers[0];

	(void)state;
	assert_int_equal(peer->port, 179);
	assert_int_equal(peer->local_asn, 0);
	assert_true(ip_address_is_unspecified(&peer->local_address));
	assert_true(peer->families[IPV4] && peer->families[IPV6]);
	assert_false(peer->passive);
	assert_int_equal(peer->hold_time_ms, 90000);
	assert_int_equal(peer->keepalive_time_ms, 0);
	assert_int_equal(peer->connect_retry_time_ms, 5000);
	assert_int_equal(peer->ebgp_multihop, 1);
	assert_int_equal(peer->ttl_security, 0);
	assert_null(peer->password_file);
	assert_int_equal(peer->next_hop, CONFIG_NEXT_HOP_DEFAULT);
	assert_int_equal(peer->allow_own_asn, 0);
	assert_int_equal(peer->max_prefixes, 0);
	assert_false(peer->has_import);
	assert_false(peer->shutdown);
	config_free(config);
}

static void a_minimal_peer_has_the_documented_rules(void **state)
{
	static const uint64_t none[4];
	struct config *config = parse("router: {asn: 64512}\n"
				      "peers:\n- {name: a, address: 10.0.0.1, asn: 65000}\n");
	const struct config_peer *peer = &config->peers[0];

	(void)state;
	assert_null(peer->interface);
	assert_false(peer->has_range);
	assert_int_equal(peer->local_asn_mode, CONFIG_LOCAL_ASN_PREPEND);
	assert_int_equal(peer->delay_open_time_ms, 0);
	assert_true(peer->connected_check);
	assert_true(peer->enforce_first_as);
	assert_restart(&peer->restart, true, 120, 0);
	assert_int_equal(peer->role, BGP_ROLE_NONE);
	assert_false(peer->strict_role);
	assert_int_equal(peer->add_path_send, 0);
	assert_false(peer->add_path_receive);
	assert_int_equal(peer->max_as_path_length, 0);
	assert_int_equal(peer->max_prefixes_warning, 75);
	assert_false(peer->has_aigp);
	assert_memory_equal(peer->strip_attributes, none, sizeof(none));
	config_free(config);
}

static void a_peer_may_be_behind_an_interface_or_in_a_range(void **state)
{
	struct config *config = parse("router: {asn: 64512}\npeers:\n"
				      "- {name: a, interface: eth0123456789.1, asn: external}\n"
				      "- {name: b, range: \"2001:db8::/32\", asn: 65000}\n"
				      "- {name: c, range: 0.0.0.0/0, rangeLimit: 3, passive: true, "
				      "asn: internal}\n"
				      "- {name: d, address: 10.0.0.1, asn: internal}\n");
	const struct config_peer *peers = config->peers;

	(void)state;
	assert_string_equal(peers[0].interface, "eth0123456789.1");
	assert_false(peers[0].has_range || peers[0].passive);
	assert_true(ip_address_is_unspecified(&peers[0].address));
	assert_true(peers[1].has_range && peers[1].passive);
	assert_prefix(&peers[1].range, "2001:db8::/32");
	assert_int_equal(peers[1].range_limit, 100);
	assert_true(peers[2].has_range && peers[2].passive);
	assert_prefix(&peers[2].range, "0.0.0.0/0");
	assert_int_equal(peers[2].range_limit, 3);
	assert_false(peers[3].has_range);
	config_free(config);
}

/* The peers' keys, and what comes of them with the router's. */
static void a_peer_overrides_graceful_restart_key_by_key(void **state)
{
	static const struct {
		const char *router;
		const char *peer;
		bool enabled;
		unsigned time_s;
		unsigned long_lived_time_s;
	} rows[] = {
	    {"{}", "{}", true, 120, 0},
	    {"{enabled: false}", "{}", false, 120, 0},
	    {"{enabled: false}", "{enabled: true, restartTime: 0s}", true, 0, 0},
	    {"{restartTime: 4095s, longLivedStaleTime: 1h}", "{enabled: false}", false, 4095, 3600},
	    {"{restartTime: 30s, longLivedStaleTime: 1h}", "{longLivedStaleTime: 0s}", true, 30, 0},
	    {"{stalePathTime: 1h}", "{longLivedStaleTime: 4294967s}", true, 120, 4294967},
	    {"", "", true, 120, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct config *config = parse_printed(
		    "router: {asn: 1, gracefulRestart: %s}\n"
		    "peers:\n- {name: a, address: 10.0.0.1, asn: 2, gracefulRestart: %s}\n",
		    rows[i].router, rows[i].peer);

		assert_restart(&config->peers[0].restart, rows[i].enabled, rows[i].time_s,
		    rows[i].long_lived_time_s);
		config_free(config);
	}
}

static void every_role_is_read(void **state)
{
	static const struct {
		const char *word;
		enum bgp_role role;
	} rows[] = {
	    {"provider", BGP_ROLE_PROVIDER},
	    {"rs", BGP_ROLE_ROUTE_SERVER},
	    {"rs-client", BGP_ROLE_ROUTE_SERVER_CLIENT},
	    {"customer", BGP_ROLE_CUSTOMER},
	    {"peer", BGP_ROLE_PEER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct config *config = parse_printed(
		    "router: {asn: 1}\n"
		    "peers:\n- {name: a, address: 10.0.0.1, asn: external, role: %s}\n",
		    rows[i].word);

		assert_int_equal(config->peers[0].role, rows[i].role);
		config_free(config);
	}
}

static void a_minimal_service_advertisement_is_for_load_balancer_ips(void **state)
{
	struct config *config = parse("router: {asn: 64512}\n"
				      "advertisements:\n- {name: a, type: Service}\n");
	const struct k8s_advertisement *what = &config->advertisements[0].what;

	(void)state;
	assert_true(what->addresses[K8S_ADDRESS_LOAD_BALANCER_IP]);
	assert_false(what->addresses[K8S_ADDRESS_EXTERNAL_IP]);
	assert_false(what->addresses[K8S_ADDRESS_CLUSTER_IP]);
	assert_int_equal(what->aggregation_length[IPV4], 32);
	assert_int_equal(what->aggregation_length[IPV6], 128);
	assert_string_equal(what->load_balancer_class, "");
	config_free(config);
}

/* Each of these must be accepted. */
static void unusual_but_right(void **state)
{
	static const char *const files[] = {
	    "{\"router\": {\"asn\": 64512}}\n",
	    "%YAML 1.1\n---\nrouter: {asn: 64512}\n...\n",
	    "router: {asn: 1}\npeers:\nfilters:\nmesh:\nadvertisements:\ncommunities:\nfib:\n",
	    "router: {asn: 1}\nmetrics: {listen: \"\"}\n",
	    "router: {asn: 1}\npeers:\n- {name: a, address: 10.0.0.1, asn: 1, holdTime: 0s}\n",
	    ("router: {asn: 1}\npeers:\n- {name: a, address: 10.0.0.1, asn: 1, "
	     "nodeSelector: {matchLabels: {r: x}}}\n"
	     "- {name: b, address: 10.0.0.1, asn: 1, nodeSelector: {matchLabels: {r: y}}}\n"),
	    "router: {asn: 1}\nfilters:\n- {name: a, rules: []}\n",
	    "router: &r\n  asn: 1\n  nodeOverrides: [&o {asn: 5}, *o]\n",
	    "router: {asn: 1}\ncluster: {source: kubernetes, kubeconfig: \"\", servers: []}\n",
	    "router: {asn: 1}\npeers:\n- {name: a, address: 169.254.1.1, asn: 2}\n",
	    ("router: {asn: 1}\nmesh: {delayOpenTime: 1s, maxASPathLength: 9, maxPrefixes: 9, maxPrefixesWarning: 0, "
	     "aigp: true, stripAttributes: [], addPath: {send: 64}, gracefulRestart: {}}\n"),
	    /* An AS of its own on some nodes: the peer may be in another one there. */
	    ("router: {asn: 1, nodeOverrides: [{asn: 2}]}\npeers:\n"
	     "- {name: a, address: 10.0.0.1, asn: 1, role: peer}\n"),
	    ("router: {asn: 1}\npeers:\n"
	     "- {name: a, address: 10.0.0.1, asn: 1, localASN: 2, localASNMode: replace, "
	     "role: peer}\n"),
	    ("router: {asn: 1}\npeers:\n"
	     "- {name: a, interface: eth0, asn: 2}\n- {name: b, interface: eth1, asn: 2}\n"
	     "- {name: c, range: 10.0.0.0/8, asn: 2}\n- {name: d, range: 10.0.0.0/9, asn: 2}\n"
	     "- {name: e, address: 10.0.0.1, asn: 2}\n"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		config_free(parse(files[i]));
}

static void one_condition_may_stand_without_a_list(void **state)
{
	struct config *config =
	    parse("router: {asn: 1}\n"
		  "filters:\n"
		  "- name: f\n"
		  "  rules:\n"
		  "  - {match: {prefixes: {prefix: 10.0.0.0/8, ge: 16, le: 24}}, action: accept}\n"
		  "  - {match: {prefixes: 10.1.0.0/16, originASN: 65001}, action: accept}\n");
	const struct policy_rule *rules = config->filters[0].rules;

	(void)state;
	assert_int_equal(rules[0].match.prefix_count, 1);
	assert_prefix(&rules[0].match.prefixes[0].prefix, "10.0.0.0/8");
	assert_int_equal(rules[0].match.prefixes[0].ge, 16);
	assert_int_equal(rules[0].match.prefixes[0].le, 24);
	assert_int_equal(rules[1].match.prefix_count, 1);
	assert_prefix(&rules[1].match.prefixes[0].prefix, "10.1.0.0/16");
	assert_int_equal(rules[1].match.origin_asn_count, 1);
	config_free(config);
}

static void the_host_name_stands_in_for_a_missing_node_name(void **state)
{
	static const struct config_environment host_only = {.host_name = "host-a"};
	static const char yaml[] = "router: {asn: 1}\n";
	struct text errors = {NULL, 0, 0};
	struct config *config = config_parse(yaml, strlen(yaml), "f", &host_only, &errors);

	(void)state;
	assert_non_null(config);
	assert_string_equal(config->node_name, "host-a");
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_minimal_file_has_the_documented_defaults),
	    cmocka_unit_test(a_minimal_peer_has_the_documented_defaults),
	    cmocka_unit_test(a_minimal_peer_has_the_documented_rules),
	    cmocka_unit_test(a_peer_may_be_behind_an_interface_or_in_a_range),
	    cmocka_unit_test(a_peer_overrides_graceful_restart_key_by_key),
	    cmocka_unit_test(every_role_is_read),
	    cmocka_unit_test(a_minimal_service_advertisement_is_for_load_balancer_ips),
	    cmocka_unit_test(unusual_but_right),
	    cmocka_unit_test(one_condition_may_stand_without_a_list),
	    cmocka_unit_test(the_host_name_stands_in_for_a_missing_node_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
