/*
 * Both ends of a session must agree on who opens it whatever version of this daemon they run, so
 * the hash is not the one of the tables, which may change, but FNV-1a as its authors define it, and
 * of that a bit from the upper half: the lowest is but the parity of the names.
 */
#include "speaker/mesh_facts.h"

#include <string.h>

#include "config/values.h"

#define FNV_OFFSET 2166136261u
#define FNV_PRIME 16777619u

static bool parse_address(const char *text, struct ip_address *address)
{
	return ip_address_parse(text, address) && !ip_address_is_unspecified(address) &&
	       !ip_address_is_multicast(address) && !ip_address_is_link_local(address);
}

/* One address of each family at most, with commas between them. */
static bool read_annotation(const char *text, struct mesh_facts *facts, struct error *error)
{
	const char *left = text;

	while (*left) {
		size_t length = strcspn(left, ",");
		char word[IP_TEXT_MAX] = "";
		struct ip_address address;

		if (length < sizeof word)
			memcpy(word, left, length);
		if (!parse_address(word, &address) ||
		    !ip_address_is_unspecified(&facts->addresses[address.family]))
			break;
		facts->addresses[address.family] = address;
		left += length;
		left += *left == ',';
	}
	if (*left || !*text)
		return error_set(error,
		    "annotation " MESH_ADDRESS_ANNOTATION
		    ": must be an address, or one of each family with a comma between them, not "
		    "\"%.100s\"",
		    text);
	return true;
}

static bool find_addresses(
    const struct k8s_node *node, struct mesh_facts *facts, struct error *error)
{
	const char *annotation = k8s_labels_get(&node->annotations, MESH_ADDRESS_ANNOTATION);

	if (annotation)
		return read_annotation(annotation, facts, error);
	for (size_t i = node->internal_ip_count; i > 0; i--) {
		const struct ip_address *address = &node->internal_ips[i - 1];

		facts->addresses[address->family] = *address; /* the first one of each */
	}
	return true;
}

bool mesh_asn_of(
    const struct config *config, const struct k8s_node *node, uint32_t *asn, struct error *error)
{
	static const struct k8s_labels none;
	const struct config_router *router = &config->router;
	const char *annotation =
	    node ? k8s_labels_get(&node->annotations, MESH_ASN_ANNOTATION) : NULL;
	struct error why;

	*asn = router->asn;
	for (size_t i = 0; i < router->override_count; i++) {
		const struct config_override *override = &router->overrides[i];

		if (!k8s_selector_matches(&override->node_selector, node ? &node->labels : &none))
			continue;
		if (override->has_asn)
			*asn = override->asn;
		break;
	}
	if (annotation && !value_parse_asn(annotation, asn, &why))
		return error_set(error, "annotation " MESH_ASN_ANNOTATION ": %s", why.text);
	return true;
}

bool mesh_facts_of(const struct config *config, const struct k8s_node *node,
    struct mesh_facts *facts, struct error *error)
{
	const struct config_mesh *mesh = &config->mesh;

	memset(facts, 0, sizeof *facts);
	if (!mesh_asn_of(config, node, &facts->asn, error) || !find_addresses(node, facts, error))
		return false;
	facts->takes_part =
	    mesh->enabled && k8s_selector_matches(&mesh->peer.node_selector, &node->labels);
	facts->reflects = facts->takes_part && mesh->has_route_reflectors &&
			  k8s_selector_matches(&mesh->route_reflectors, &node->labels);
	return true;
}

bool mesh_are_neighbours(
    const struct mesh_facts *own, const struct mesh_facts *other, size_t reflectors)
{
	if (!own->takes_part || !other->takes_part)
		return false;
	return own->asn != other->asn || !reflectors || own->reflects || other->reflects;
}

bool mesh_common_family(
    const struct mesh_facts *own, const struct mesh_facts *other, enum ip_family *family)
{
	for (*family = 0; *family < IP_FAMILIES; (*family)++)
		if (!ip_address_is_unspecified(&own->addresses[*family]) &&
		    !ip_address_is_unspecified(&other->addresses[*family]))
			return true;
	return false;
}

static uint32_t hash_name(uint32_t hash, const char *name)
{
	do /* the zero at the end too, which keeps "a", "bc" and "ab", "c" apart */
		hash = (hash ^ (uint8_t)*name) * FNV_PRIME;
	while (*name++);
	return hash;
}

bool mesh_opens(const char *own, const char *other)
{
	bool own_is_first = strcmp(own, other) < 0;
	uint32_t hash = hash_name(FNV_OFFSET, own_is_first ? own : other);

	hash = hash_name(hash, own_is_first ? other : own);
	return (hash >> 24 & 1) == own_is_first;
}

bool mesh_has_pods(const struct k8s_node *node, const struct ip_prefix *prefix)
{
	for (size_t i = 0; i < node->pod_cidr_count; i++)
		if (ip_prefix_covers(&node->pod_cidrs[i], prefix))
			return true;
	return false;
}
