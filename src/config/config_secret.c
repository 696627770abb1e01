/*
 * What the configuration says of Secrets: in which namespace they are, and which value of which one
 * is a password.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/sections.h"
#include "config/values.h"

#define SECRET(member) offsetof(struct config_secret_key, member)

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* RFC 1123: of a label 63 at most, of a subdomain, and of a key, 253. */
enum { LABEL_MAX = 63, SUBDOMAIN_MAX = 253 };

/* Of these characters, with a letter or a digit at both ends. */
static bool is_name(const char *text, const char *characters, size_t limit)
{
	const size_t length = strlen(text);

	return length && length <= limit && strspn(text, characters) == length &&
	       strspn(text, LETTERS DIGITS) && strspn(text + length - 1, LETTERS DIGITS);
}

static bool read_namespace(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	(void)schema;
	(void)key;
	if (*text && !is_name(text, LETTERS DIGITS "-", LABEL_MAX))
		return error_set(error, "must be the name of a namespace, not \"%s\"", text);
	*(char **)to = memory_copy_string(text);
	return true;
}

const struct schema_type config_namespace = {.read = read_namespace};

static bool read_object_name(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	(void)schema;
	(void)key;
	if (!is_name(text, LETTERS DIGITS "-.", SUBDOMAIN_MAX))
		return error_set(error, "must be the name of a Secret, not \"%s\"", text);
	*(char **)to = memory_copy_string(text);
	return true;
}

static bool read_secret_key(const struct schema *schema, const struct schema_key *key,
    const char *text, void *to, struct error *error)
{
	const size_t length = strlen(text);

	(void)schema;
	(void)key;
	if (!length || length > SUBDOMAIN_MAX ||
	    strspn(text, LETTERS CAPITALS DIGITS "-._") != length)
		return error_set(error, "must be a key of a Secret, not \"%s\"", text);
	*(char **)to = memory_copy_string(text);
	return true;
}

static const struct schema_type object_name = {.read = read_object_name};
static const struct schema_type secret_key = {.read = read_secret_key};

static const struct schema_key secret_keys[] = {
    {.name = "name", .type = &object_name, .offset = SECRET(name), .required = true},
    {.name = "key", .type = &secret_key, .offset = SECRET(key), .fallback = "password"},
    {.name = NULL},
};

void config_read_secret_key(
    struct schema *schema, const struct schema_key *key, yaml_node_t *node, void *to)
{
	(void)key;
	schema_read_mapping(schema, node, secret_keys, to);
}

void config_check_password(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer)
{
	const struct config_loader *loader = schema->context;

	if (!peer->password_secret.name)
		return;
	if (peer->password_file)
		schema_fail_key(schema, node, "passwordSecret", "excludes passwordFile");
	else if (loader->config->source == CONFIG_SOURCE_NONE)
		schema_fail_key(schema, node, "passwordSecret",
		    "cannot be had: with cluster.source none there are no Secrets");
}

void config_release_secret_key(struct config_secret_key *secret)
{
	free(secret->name);
	free(secret->key);
}
