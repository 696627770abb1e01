/*
 * The running router: the peers as configured, their import and export, what this node originates
 * for the cluster, and reload by difference.  It owns every room below and wires their callbacks;
 * it is where decisions are taken, and so where they are logged.  Called by main and by the
 * control room; the latter reads most of what it shows from the rooms below by way of the getters.
 */
#ifndef SPEAKER_SPEAKER_H
#define SPEAKER_SPEAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "bgp/session.h"
#include "config/config.h"
#include "fib/fib.h"
#include "k8s/announce.h"
#include "k8s/api_source.h"
#include "k8s/cluster.h"
#include "k8s/event_recorder.h"
#include "k8s/manifests.h"
#include "rib/table.h"
#include "rib/update_group.h"

struct speaker;
struct speaker_peer;

struct speaker_options {
	struct loop *loop;
	struct log *log; /* level and format follow the configuration */
	const char *config_file; /* watched; read again by speaker_reload() */
	struct config_environment environment;
	const char *service_host; /* $KUBERNETES_SERVICE_HOST, or NULL */
	const char *service_port; /* $KUBERNETES_SERVICE_PORT, or NULL */
	uint64_t hash_seed;
	int verbosity; /* steps to log more than the configuration says */
	uint32_t event_spread_ms; /* what happens is told to Kubernetes within that; 0: the usual */
	uint32_t status_interval_ms; /* between two looks at the node's status; 0: the usual */
};

/*
 * Takes over the configuration (loaded by the caller, so that a bad one is a usage error) and
 * starts everything.  NULL and the error if the kernel or a socket refuses.
 */
struct speaker *speaker_new(
    const struct speaker_options *options, struct config *config, struct error *error);
/* Frees all; a Cease that speaker_stop() has not sent before may be lost. */
void speaker_free(struct speaker *speaker);
/*
 * Goes as router.leave says, then sends the Cease of a clean stop to every peer; `done` is called
 * when it has arrived everywhere or a short time is over.  From the Cease on nothing is applied,
 * started or withdrawn any more; what the kernel's routes become is up to the FIB.  Called again, it
 * ends the delay of router.leave; `done` is that of the first call.
 */
void speaker_stop(struct speaker *speaker, loop_callback *done, void *arg);

/*
 * Reads the file again and applies the difference.  A bad one is refused as a whole: false, the
 * errors appended, and the old one stays in force.
 */
bool speaker_reload(struct speaker *speaker, struct text *errors);

/* How far this node has come in giving its traffic to others. */
enum speaker_leave_state {
	SPEAKER_STAYS,
	SPEAKER_DRAINING, /* the node is about to go: its Services have GRACEFUL_SHUTDOWN */
	SPEAKER_DRAINED, /* the node is about to go: its Services are withdrawn */
	SPEAKER_STOPPING /* the daemon is about to end: speaker_stop() */
};

struct speaker_leave {
	enum speaker_leave_state state;
	enum k8s_reason reason; /* what is about to happen; of no meaning if it stays */
	uint64_t since; /* loop_now() */
	uint64_t until; /* loop_now() of the next step; 0: there is none */
};
const struct speaker_leave *speaker_leave_status(const struct speaker *speaker);
/* "staying", "draining", "drained" or "stopping". */
const char *speaker_leave_state_name(enum speaker_leave_state state);

struct speaker_config_state {
	const char *file;
	bool stale; /* the last file was refused */
	const char *errors; /* of the last file, or NULL */
	uint64_t loaded_at; /* wall clock, seconds */
	uint64_t reloads_good;
	uint64_t reloads_bad;
};
const struct speaker_config_state *speaker_config_state(const struct speaker *speaker);

/* The rooms below, for reading. */
const struct config *speaker_config(const struct speaker *speaker);
struct loop *speaker_loop(const struct speaker *speaker);
const struct rib *speaker_rib(const struct speaker *speaker);
const struct update_groups *speaker_update_groups(const struct speaker *speaker);
const struct fib *speaker_fib(const struct speaker *speaker);
const struct k8s_cluster *speaker_cluster(const struct speaker *speaker);
const struct k8s_announcer *speaker_announcer(const struct speaker *speaker);
/* NULL unless the source is manifests. */
const struct k8s_manifests *speaker_manifests(const struct speaker *speaker);
/* NULL unless the source is kubernetes. */
const struct k8s_api_source *speaker_api_source(const struct speaker *speaker);
/* NULL: Kubernetes is told nothing. */
const struct k8s_event_recorder *speaker_event_recorder(const struct speaker *speaker);
uint32_t speaker_asn(const struct speaker *speaker);
/* Host order. */
uint32_t speaker_router_id(const struct speaker *speaker);
/* loop_now() of the start. */
uint64_t speaker_started_at(const struct speaker *speaker);
/* Configuration in force, first view of the cluster and of the kernel complete; not stopping. */
bool speaker_is_started(const struct speaker *speaker);
/* And what this node announces has been sent to its peers: what /readyz says. */
bool speaker_is_ready(const struct speaker *speaker);
/* What is missing until then, a text each; 0: nothing, it is ready. */
#define SPEAKER_MISSING_MAX 4
size_t speaker_missing(const struct speaker *speaker, struct error missing[SPEAKER_MISSING_MAX]);

/* Histogram of the time from a cluster event to its UPDATE in the kernel's hands, in seconds. */
#define SPEAKER_LATENCY_BUCKETS 10
struct speaker_latency {
	uint64_t buckets[SPEAKER_LATENCY_BUCKETS]; /* not cumulative; the last one is +Inf */
	uint64_t count;
	double sum;
};
const struct speaker_latency *speaker_latency(const struct speaker *speaker);
/* Upper bounds of the buckets but the last, in seconds. */
extern const double speaker_latency_bounds[SPEAKER_LATENCY_BUCKETS - 1];

/* Connections that were closed before a byte was read. */
struct speaker_listen_counters {
	uint64_t refused_unknown; /* from an address that no peer has and no open range covers */
	uint64_t refused_limit; /* from a range that is full, or has too many that say nothing */
};
const struct speaker_listen_counters *speaker_listen_counters(const struct speaker *speaker);

struct speaker_mesh_status {
	bool takes_part; /* this node */
	bool reflects; /* likewise */
	size_t nodes; /* that take part, this one among them */
	size_t reflectors; /* of our AS, this one among them */
	size_t peers;
	size_t up; /* of these, Established */
	size_t leaving; /* of these, as soon as others are there in their place */
	size_t left_out; /* Nodes that should be peers and cannot */
};
/* False if there is no mesh. */
bool speaker_mesh_status(const struct speaker *speaker, struct speaker_mesh_status *status);
/* Why a Node is left out, and its name; start with `*cursor` 0; NULL at the end. */
const char *speaker_mesh_left_out(const struct speaker *speaker, size_t *cursor, const char **name);

/*
 * Peers that apply to this node, in the order of the configuration, then those of the mesh and of
 * ranges, in the order in which they came; NULL at the end.
 */
struct speaker_peer *speaker_peer_at(const struct speaker *speaker, size_t index);
/* By name, address, interface, or an address with its interface; NULL: none. */
struct speaker_peer *speaker_peer_find(const struct speaker *speaker, const char *name);
/* The peer that a path of the RIB came from; NULL for this node's own. */
struct speaker_peer *speaker_peer_of_path(
    const struct speaker *speaker, const struct rib_path *path);

/* The index-th of the advertisements that made a path of this node's own; NULL: no more. */
const char *speaker_advertisement_of_path(const struct speaker *speaker,
    const struct ip_prefix *prefix, const struct rib_path *path, size_t index);
/*
 * The index-th of those that are merged with this advertisement for the prefix, for any neighbour,
 * and where the two differ: bits by enum merge_key.  NULL: no more.
 */
const char *speaker_merged_advertisement(const struct speaker *speaker,
    const struct ip_prefix *prefix, const char *advertisement, size_t index, unsigned *conflicts);
/* Why a path that is filtered was rejected, for people. */
const char *speaker_refusal_of_path(const struct speaker *speaker, const struct rib_path *path);

const char *speaker_peer_name(const struct speaker_peer *peer);
const struct config_peer *speaker_peer_config(const struct speaker_peer *peer);
/* It came from a range: its configuration is the entry of the range. */
bool speaker_peer_is_dynamic(const struct speaker_peer *peer);
/* Where the neighbour is; unspecified: of an interface, and nobody was seen there yet. */
const struct ip_address *speaker_peer_address(const struct speaker_peer *peer);
const struct bgp_session *speaker_peer_session(const struct speaker_peer *peer);
/* NULL unless Established. */
const struct update_group_member *speaker_peer_member(const struct speaker_peer *peer);
const struct rib_peer *speaker_peer_rib_peer(const struct speaker_peer *peer);
/* RFC 4456 7: the cluster of this node as a route reflector towards it, host order. */
uint32_t speaker_peer_cluster_id(const struct speaker_peer *peer);
/* As configured or as the peer said; 0 if neither is known yet. */
uint32_t speaker_peer_remote_asn(const struct speaker_peer *peer);
/* Shut down by configuration, by kbgpctl, or for too many prefixes; NULL: it may run. */
const char *speaker_peer_hold_reason(const struct speaker_peer *peer);
/* One line, or "". */
const char *speaker_peer_last_error(const struct speaker_peer *peer);

enum speaker_clear { SPEAKER_CLEAR_HARD, SPEAKER_CLEAR_SOFT_IN, SPEAKER_CLEAR_SOFT_OUT };
/*
 * Hard: Cease with the text, then start again (also after max-prefix).  Soft in: route refresh;
 * false and the error if the peer cannot.  Soft out: sent everything again.
 */
bool speaker_peer_clear(
    struct speaker_peer *peer, enum speaker_clear how, const char *text, struct error *error);
void speaker_peer_shutdown(struct speaker_peer *peer, const char *text);
/* Whatever shut it down, until the configuration changes that; but never without its password. */
void speaker_peer_enable(struct speaker_peer *peer);

/* What happens, as it happens: for `kbgpctl watch`. */
enum speaker_event_kind {
	SPEAKER_PEER_UP,
	SPEAKER_PEER_DOWN,
	SPEAKER_ROUTE_CHANGED, /* best path: new, another, or gone */
	SPEAKER_ANNOUNCED,
	SPEAKER_WITHDRAWN,
	SPEAKER_FIB_ERROR,
	SPEAKER_CONFIG_LOADED,
	SPEAKER_CONFIG_REFUSED,
	SPEAKER_CLUSTER_TROUBLE,
	SPEAKER_LEAVE, /* the next step of giving traffic to others, or of taking it back */
	SPEAKER_EVENTS
};

struct speaker_event {
	enum speaker_event_kind kind;
	const char *subject; /* peer, advertisement or file; may be NULL */
	const struct ip_prefix *prefix; /* may be NULL */
	const char *text; /* details; may be NULL */
};

/* "peerUp", ... */
const char *speaker_event_name(enum speaker_event_kind kind);

struct speaker_observer {
	void (*event)(void *arg, const struct speaker_event *event);
	void *arg;
	bool routes; /* wants SPEAKER_ROUTE_CHANGED too */
	struct speaker_observer *next;
};

/*
 * The struct is the caller's.  Observers may be removed in a callback; what they are told of must
 * not be changed there.
 */
void speaker_add_observer(struct speaker *speaker, struct speaker_observer *observer);
void speaker_remove_observer(struct speaker *speaker, struct speaker_observer *observer);

#endif
