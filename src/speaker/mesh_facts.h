/*
 * What a Node is to the mesh, and which two nodes have a session: rules over Node objects and the
 * configuration, the same on every node, so that both ends of a session come to the same result
 * without asking each other.  Pure functions.  Called by mesh.c and apply.c.
 */
#ifndef SPEAKER_MESH_FACTS_H
#define SPEAKER_MESH_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "config/config.h"
#include "k8s/object.h"

#define MESH_ASN_ANNOTATION "kbgpd.io/asn"
#define MESH_ADDRESS_ANNOTATION "kbgpd.io/address"

/* A comparable value: every byte of it is set. */
struct mesh_facts {
	uint32_t asn;
	bool takes_part;
	bool reflects; /* RFC 4456: takes part as a route reflector */
	struct ip_address addresses[IP_FAMILIES]; /* where it is; unspecified: none of the family */
};

/*
 * Fills in the facts of a Node.  False and the error if an annotation of it cannot be understood:
 * it does not take part then.
 */
bool mesh_facts_of(const struct config *config, const struct k8s_node *node,
    struct mesh_facts *facts, struct error *error);

/*
 * The AS number of a Node: of its annotation, else of the first override that selects it, else the
 * router's.  False and the error if the annotation is no AS number.  `node` may be NULL.
 */
bool mesh_asn_of(
    const struct config *config, const struct k8s_node *node, uint32_t *asn, struct error *error);

/*
 * True if the two have a session; `reflectors` is how many Nodes reflect in the AS of `own`.  Those
 * of one AS are reached by its reflectors, if it has any; a route is reflected inside of an AS
 * only, so that nodes of different AS always have a session.
 */
bool mesh_are_neighbours(
    const struct mesh_facts *own, const struct mesh_facts *other, size_t reflectors);

/* The family of their session: IPv4 if both have an address of it; false: none in common. */
bool mesh_common_family(
    const struct mesh_facts *own, const struct mesh_facts *other, enum ip_family *family);

/*
 * True if it is the node `own` that opens the connection to `other`; the other one waits for it.
 * Each node opens about half of its sessions.
 */
bool mesh_opens(const char *own, const char *other);

/* True if the prefix lies inside a pod CIDR of the Node. */
bool mesh_has_pods(const struct k8s_node *node, const struct ip_prefix *prefix);

#endif
