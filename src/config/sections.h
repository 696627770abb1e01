/*
 * The sections of the file, one source file each, and what they share while a file is read.
 * Internal to this room: config.c reads the top table, whose rows lead to the tables here.
 */
#ifndef CONFIG_SECTIONS_H
#define CONFIG_SECTIONS_H

#include <stddef.h>

#include "base/hash.h"
#include "bgp/community.h"
#include "config/config.h"
#include "config/schema.h"

/* The name under which advertisements and filters know the mesh, as if it were a peer. */
#define CONFIG_MESH "mesh"
/* What is added to a route at one place; a message has room for several times as many. */
#define CONFIG_COMMUNITIES_MAX 100

/* The names of a list's items by position, NULL where there is none; borrowed from the tree. */
struct config_names {
	const char **items;
	size_t count;
	struct hash_table first; /* of `items`: the first one of each name */
};

struct config_alias {
	const char *name; /* borrowed from the tree */
	struct bgp_community community;
};

/*
 * The context of a schema that reads a configuration.  Names are collected before the sections
 * are read, so a reference can be checked where it stands, whatever comes first in the file.
 */
struct config_loader {
	struct config *config;
	const struct config_environment *environment;
	struct config_names peers;
	struct config_names filters;
	struct config_alias *aliases;
	size_t alias_count;
};

/* config_router.c: base is struct config_router. */
extern const struct schema_key config_router_keys[];

/* config_peers.c */
schema_node config_read_peer; /* into a struct config_peer */
extern const struct schema_key config_peer_keys[];
/* None named is all of them. */
void config_fill_families(struct config_peer *peer);
void config_release_peer(struct config_peer *peer);

/* config_mesh.c */
schema_node config_read_mesh; /* into a struct config_mesh */
/* With the other sections. */
void config_check_mesh(struct schema *schema, const yaml_node_t *node);
void config_release_mesh(struct config_mesh *mesh);

/* config_peer_checks.c */
/* The peer has one of address, interface and range. */
void config_check_place(struct schema *schema, const yaml_node_t *node);
/* Its settings go together; the peer was read without an error. */
void config_check_peer_alone(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer);
/* Of these, what does not depend on who the neighbour is. */
void config_check_exchange(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer);
/* Checks that need all peers and the router. */
void config_check_peers(struct schema *schema, const yaml_node_t *peers);

/* config_secret.c */
extern const struct schema_type config_namespace; /* char *: perhaps empty */
schema_node config_read_secret_key; /* into a struct config_secret_key */
/* There is one password at most, and it can be had. */
void config_check_password(
    struct schema *schema, const yaml_node_t *node, const struct config_peer *peer);
void config_release_secret_key(struct config_secret_key *secret);

/* config_attribute_types.c */
schema_node config_read_attribute_types; /* a list into the bits of a uint64_t[4] */

/* config_restart.c: base is struct bgp_restart_settings. */
extern const struct schema_key config_restart_keys[]; /* of the router */
schema_node config_read_restart_override; /* of a peer: over what is there already */

/* config_advertisements.c */
schema_node config_read_advertisement; /* into a struct config_advertisement */
void config_check_advertisements(struct schema *schema, const yaml_node_t *advertisements);
void config_release_advertisement(struct config_advertisement *advertisement);

/* config_filters.c */
schema_node config_read_aliases; /* the section `communities`, into the loader */
schema_node config_read_filter; /* into a struct policy_filter */
extern const struct schema_type config_community; /* a community or an alias of one */

/* config_rest.c: base is struct config. */
extern const struct schema_key config_node_keys[];
extern const struct schema_key config_cluster_keys[];
extern const struct schema_key config_fib_keys[];
extern const struct schema_key config_metrics_keys[];
extern const struct schema_key config_log_keys[];

/* config_names.c */
void config_collect_names(
    yaml_document_t *document, const yaml_node_t *list, struct config_names *names);
void config_release_names(struct config_names *names);
/* Reports each name that an earlier item of the list has already. */
void config_check_names(struct schema *schema, const yaml_node_t *list, const char *section,
    const struct config_names *names);
extern const struct schema_type config_filter_name; /* size_t: the index of the filter */
extern const struct schema_type config_peer_name; /* char *: of a peer, or "mesh" */

#endif
