/*
 * Rows of files that must be refused: each is a file and the exact lines that it is refused with,
 * in the order of the file.
 */
#ifndef TESTS_UNIT_CONFIG_ERRORS_H
#define TESTS_UNIT_CONFIG_ERRORS_H

#include <string.h>

#include "config/config.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Two lines that are right, so that what follows is in line 2 (a flow mapping: 3, a rule: 5). */
#define ROUTER "router: {asn: 64512}\n"
#define PEER(keys) ROUTER "peers:\n- {name: a, address: 10.0.0.1, asn: 65000, " keys "}\n"

static const struct config_environment environment = {.host_name = "host-a"};

struct config_error_row {
	const char *yaml;
	const char *errors;
};

static inline void assert_config_errors(const struct config_error_row *rows, size_t count)
{
	unsigned failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct text errors = {NULL, 0, 0};
		struct config *config = config_parse(
		    rows[i].yaml, strlen(rows[i].yaml), "k.yaml", &environment, &errors);

		if (config || !errors.string || strcmp(errors.string, rows[i].errors) != 0) {
			print_error("--- file\n%s--- expected\n%s--- got\n%s", rows[i].yaml,
			    rows[i].errors, errors.string ? errors.string : "no error\n");
			failed++;
		}
		config_free(config);
		text_free(&errors);
	}
	assert_int_equal(failed, 0);
}

#endif
