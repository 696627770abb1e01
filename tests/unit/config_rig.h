/*
 * Right configurations: how a test has one read, and what it asks of what came of it.
 */
#ifndef TESTS_UNIT_CONFIG_RIG_H
#define TESTS_UNIT_CONFIG_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "config/config.h"

static const struct config_environment environment = {
    .node_name = "node-from-environment", .host_name = "host-a"};

static inline struct config *parse(const char *yaml)
{
	struct text errors = {NULL, 0, 0};
	struct config *config = config_parse(yaml, strlen(yaml), "k.yaml", &environment, &errors);

	if (!config)
		fail_msg("%s", errors.string);
	text_free(&errors);
	return config;
}

static inline void assert_prefix(const struct ip_prefix *prefix, const char *expected)
{
	char text[IP_TEXT_MAX];

	assert_string_equal(ip_prefix_print(prefix, text), expected);
}

static inline void assert_restart(const struct bgp_restart_settings *restart, bool enabled,
    unsigned time_s, unsigned long_lived_time_s)
{
	assert_int_equal(restart->enabled, enabled);
	assert_int_equal(restart->time_s, time_s);
	assert_int_equal(restart->long_lived_time_s, long_lived_time_s);
}

#endif
