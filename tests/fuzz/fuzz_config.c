/*
 * Any bytes as a configuration file: either a configuration, or errors that all name the file and
 * a place in it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_errors(const struct text *errors)
{
	if (!errors->length || errors->string[errors->length - 1] != '\n')
		abort();
	for (const char *line = errors->string; *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, "fuzz.yaml:", 10) != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config_environment environment = {.host_name = "host-a"};
	struct text errors = {NULL, 0, 0};
	struct config *config =
	    config_parse((const char *)data, size, "fuzz.yaml", &environment, &errors);

	if (!config)
		check_errors(&errors);
	else if (errors.length || !config->node_name || !config->router.asn)
		abort();
	config_free(config);
	text_free(&errors);
	return 0;
}
