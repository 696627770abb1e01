/* What a reload has to touch: each piece compared with itself and with one change. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "config/difference.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct config_environment environment = {.host_name = "host-a"};

static struct config *parse(const char *yaml)
{
	struct text errors = {NULL, 0, 0};
	struct config *config = config_parse(yaml, strlen(yaml), "f", &environment, &errors);

	if (!config)
		fail_msg("%s", errors.string);
	return config;
}

#define CHAIN_HEAD                                                                           \
	"router: {asn: 1}\npeers:\n- {name: a, address: 10.0.0.1, asn: 1, import: [f, g]}\n" \
	"filters:\n"
#define FILTER_F "- {name: f, rules: [{match: {family: ipv4}, action: accept}]}\n"
#define FILTER_G "- {name: g, rules: [{action: reject}]}\n"

static bool equal_chains(const struct config *a, const struct config *b)
{
	return config_chains_equal(a, a->peers[0].import, a->peers[0].import_count, b,
	    b->peers[0].import, b->peers[0].import_count);
}

static void chains_are_equal_by_content_and_order(void **state)
{
	static const struct {
		const char *yaml;
		bool equal;
	} rows[] = {
	    {CHAIN_HEAD FILTER_F FILTER_G, true},
	    {CHAIN_HEAD FILTER_G FILTER_F, true},
	    {CHAIN_HEAD FILTER_F FILTER_G "- {name: h, rules: []}\n", true},
	    {"router: {asn: 1}\npeers:\n- {name: a, address: 10.0.0.1, asn: 1, import: [x, g]}\n"
	     "filters:\n- {name: x, rules: [{match: {family: ipv4}, action: accept}]}\n" FILTER_G,
		true},
	    {CHAIN_HEAD "- {name: f, rules: [{match: {family: ipv6}, action: accept}]}\n" FILTER_G,
		false},
	    {"router: {asn: 1}\npeers:\n- {name: a, address: 10.0.0.1, asn: 1, import: [g, f]}\n"
	     "filters:\n" FILTER_F FILTER_G,
		false},
	    {"router: {asn: 1}\npeers:\n- {name: a, address: 10.0.0.1, asn: 1, import: [f]}\n"
	     "filters:\n" FILTER_F FILTER_G,
		false},
	};
	struct config *old = parse(CHAIN_HEAD FILTER_F FILTER_G);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config *new = parse(rows[i].yaml);

		if (equal_chains(old, new) != rows[i].equal)
			fail_msg("row %zu", i);
		config_free(new);
	}
	config_free(old);
}

static void only_the_node_name_cannot_change(void **state)
{
	struct config *old = parse("router: {asn: 1}\nnode: {name: a}\n");
	struct config *other_as = parse("router: {asn: 2, routerID: 1.1.1.1}\nnode: {name: a}\n");
	struct config *other_node = parse("router: {asn: 1}\nnode: {name: b}\n");
	struct error error;

	(void)state;
	assert_true(config_can_reload(old, other_as, &error));
	assert_false(config_can_reload(old, other_node, &error));
	assert_string_equal(error.text,
	    "node.name: cannot change from \"a\" to \"b\" while the daemon runs: restart it");
	config_free(old);
	config_free(other_as);
	config_free(other_node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chains_are_equal_by_content_and_order),
	    cmocka_unit_test(only_the_node_name_cannot_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
