/*
 * The speaker and its peers as the files of this room share them.  Who does what, from the top:
 *
 *     life.c            starts, stops and reloads
 *     leave.c           gives traffic to others before it is too late
 *     apply.c           makes what runs equal to what is configured
 *     source.c          reads the cluster, and hands on what it tells
 *     mesh.c            has the peers that Node objects make, by mesh_nodes.c, mesh_facts.c (the
 *                       rules) and mesh_move.c (without a gap)
 *     range.c           has the peers that come by themselves
 *     listen.c, call.c  take connections, and find out for whom they are
 *     index.c           finds peers by name and address
 *     reach.c, discovery.c   find out whether and where a peer is
 *     peer.c            runs one peer; settings.c says what its session is set to, password.c
 *                       reads its password, hold.c says whether it may run, trouble.c tells what
 *                       goes wrong with it, refresh.c has routes sent again
 *     import.c          takes UPDATEs into the RIB by the rules of import_rules.c
 *     neighbour.c       says what a peer is sent
 *     origin.c          puts the cluster's announcements into the RIB: combination.c makes their
 *                       routes by the rules of merge.c for the audiences of audience.c
 *     pod_cidrs.c       knows whose pods are where
 *     convergence.c     finds out when all have told what they have; readiness.c, when all have
 *                       been told
 *     cluster_events.c, status_report.c   tell Kubernetes what happens, and how this node is
 *     observe.c         tells what happens; speaker.c shows
 */
#ifndef SPEAKER_PRIVATE_H
#define SPEAKER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "config/peer_classes.h"
#include "config/watch.h"
#include "rib/prefix_table.h"
#include "speaker/mesh.h"
#include "speaker/speaker.h"

/* Longer than a neighbour that starts again needs to be back. */
#define SPEAKER_ABSENT_MS 30000

/* Why a peer does not run; there may be several reasons at once. */
enum speaker_hold {
	HOLD_CONFIGURED = 1 << 0, /* `shutdown: true` */
	HOLD_COMMANDED = 1 << 1, /* kbgpctl shutdown */
	HOLD_MAX_PREFIXES = 1 << 2, /* until cleared */
	HOLD_PASSWORD = 1 << 3, /* it cannot be had; tried again */
	HOLD_KERNEL =
	    1 << 4, /* until the first view of the kernel is complete, and its turn comes */
	HOLD_NEIGHBOUR = 1 << 5, /* nobody was seen behind its interface yet */
	HOLD_NOT_CONNECTED = 1 << 6, /* it has to be on a link of ours and is not */
	/* Those that time alone does not end. */
	HOLDS_FOR_GOOD = HOLD_CONFIGURED | HOLD_COMMANDED | HOLD_MAX_PREFIXES | HOLD_PASSWORD
};

/* How many troubles have been logged in this second. */
struct trouble_limit {
	uint64_t since; /* loop_now() at its begin */
	unsigned count;
};

/* A chain of filters, resolved from indices. */
struct filter_chain {
	const struct policy_filter **filters;
	size_t count;
};

struct speaker_peer {
	struct speaker *speaker;
	char *name;
	const struct config_peer *config; /* of the configuration in force */
	bool dynamic; /* one of a range: its entry is shared, and it goes when its neighbour does */
	struct mesh_node *mesh; /* of the mesh: what is known of its Node; else NULL */
	/* Changed by speaker_index_set_address() only. */
	struct ip_address address; /* of the neighbour; unspecified: not known yet */
	uint32_t scope; /* the interface that a link-local address is on, else 0 */
	struct bgp_session_settings settings;
	struct bgp_session *session;
	struct ip_address router; /* that was heard last on `router_interface`; of an interface */
	uint32_t router_interface; /* 0: none was heard */
	uint64_t router_heard_at;
	char *hold_text; /* why it does not run, for holds without a text of their own; or NULL */
	struct rib_peer *rib_peer;
	struct update_group_member *member; /* NULL unless Established */
	uint32_t judged_asn; /* of this node, when what it sent was judged last: AS loops */
	uint32_t judged_cluster_id; /* likewise: cluster loops */
	struct filter_chain import;
	struct filter_chain export;
	unsigned holds; /* enum speaker_hold, or'ed; 0: it may run */
	bool near_limit[IP_FAMILIES]; /* at the warning threshold of maxPrefixes, or above */
	struct error last_error;
	struct trouble_limit troubles;
	bool end_of_rib[IP_FAMILIES];
	uint64_t refresh_deadlines[IP_FAMILIES]; /* for the end of what it sends again; 0: none */
	struct loop_timer refresh_timer;
	uint64_t updates; /* received when last looked at, and when that was: convergence.c */
	uint64_t updates_at;
	bool keep; /* apply: still configured */
	bool was_up; /* of a range: Established at least once */
	bool sent_all; /* it has been sent what there was to announce, at least once */
	struct loop_timer absence_timer; /* of a range: since it has no connection */
};

/* An entry that names a prefix in place of an address: range.c. */
struct speaker_range {
	char *name;
	const struct config_peer *config; /* of the configuration in force */
	struct ip_prefix prefix;
	bool open; /* its password, if it has one, is with the listeners */
	bool told; /* why it is not open was logged */
	uint64_t full_told_at; /* loop_now() when a limit was logged; 0: never */
};

/* An address to listen on. */
struct speaker_listener {
	struct ip_address address;
	uint32_t scope; /* the interface of a link-local one, else 0 */
	struct bgp_listener *listener; /* NULL: refused by the kernel; tried again */
	bool has_passwords; /* it was given one at some time */
	bool told; /* the refusal was logged */
};

/* An advertisement that is configured, or was and still has something announced. */
struct origin {
	uint32_t id; /* as long as it is there, over reloads */
	bool configured;
	size_t users; /* combinations that it is in */
	/* What makes a route, and for whom: name, peers and attributes, and the type of `what`. */
	struct config_advertisement settings;
	uint64_t audience; /* of its list of peers */
};

/* One of the routes of a prefix. */
struct origin_route {
	struct attribute_set *attributes; /* holds a reference */
	uint64_t audience;
	uint32_t path_id; /* 1 to 64 */
};

struct own_prefix;

/* combination.c: the advertisements that ask for a prefix. */
struct combination {
	uint64_t hash;
	struct origin **members; /* ascending by id */
	size_t count;
	struct origin_route *routes;
	size_t route_count;
	size_t route_capacity;
	struct own_prefix *prefixes; /* that have it */
};

/* A difference between two advertisements for one prefix that was logged. */
struct told_conflict {
	uint32_t a; /* ids, the lower one first */
	uint32_t b;
	unsigned keys; /* of enum merge_key, as bits */
};

/* audience.c: kinds of peers by the lists of the advertisements. */
struct audiences {
	struct peer_classes classes;
	uint8_t bits[PEER_CLASSES_MAX]; /* by class: the number of its bit */
	uint64_t all; /* bits in use */
	bool outdated; /* the bits did not suffice, and may now: to be made again */
};

/* What Kubernetes is told of: cluster_events.c. */
struct cluster_events {
	struct k8s_event_recorder *recorder; /* NULL: nothing */
	struct speaker_observer observer;
	bool open; /* what is announced at the start has been */
	enum k8s_reason node_state; /* why this node announces no Services, as was seen last */
};

/* When the first announcements have been sent: readiness.c. */
struct readiness {
	struct loop_timer timer; /* to the next look, until it is so */
	uint64_t known_at; /* loop_now(): when there was something to announce; 0: there is not */
	size_t awaited; /* peers, when last looked at */
	bool announced;
};

/* This node's ConfigMap: status_report.c. */
struct status_report {
	bool runs;
	struct loop_timer timer; /* to the next look */
	uint64_t random;
	char *key; /* what was written last; NULL: nothing was */
	uint64_t dropped; /* counter of the writer when it was */
};

struct speaker {
	struct speaker_options options;
	struct loop *loop;
	struct log *log;
	struct config *config;
	struct config_watch *watch;
	struct config_watch *password_watch; /* NULL: there are no password files */
	struct speaker_config_state config_state;
	char *config_errors;
	uint32_t asn;
	uint8_t router_id[4];
	uint64_t started_at;

	struct rib *rib;
	struct update_groups *groups;
	struct fib *fib;
	bool fib_ready;
	bool stopping;
	bool converged;
	size_t incomplete_at; /* where in `peers` the one was that was waited for last */
	struct loop_timer convergence_timer;
	struct loop_timer password_timer;
	struct arena arena; /* of one UPDATE's import */

	struct k8s_cluster *cluster;
	struct k8s_manifests *manifests;
	struct k8s_api_source *api_source; /* at most one of the two is there */
	char *source; /* what it was made from; NULL: none was yet */
	char *last_namespace; /* of the Secrets, as an API source before it had it; or NULL */
	struct readiness readiness;
	struct cluster_events cluster_events;
	struct status_report status_report;
	struct k8s_announcer *announcer;
	struct prefix_table pod_cidrs[IP_FAMILIES]; /* of all Nodes, counted */
	struct loop_task refilter_task;
	struct loop_timer refilter_timer; /* until it may run again */
	uint64_t refiltered_at; /* loop_now() of when it ran last; 0: never */
	struct loop_task apply_task;
	struct loop_task reach_task;
	struct loop_task start_task;
	size_t start_at; /* the next of `peers` that it looks at; those of ranges are behind */
	/* Of reach.c: holds the peer if it cannot be reached, lets it run if it can. */
	void (*check_reach)(struct speaker_peer *peer);
	bgp_listener_accepted *called; /* of call.c: takes a connection */
	struct bgp_discovery *discovery; /* NULL: the kernel does not let us */
	char *discovery_error; /* why, until it was told; empty: nothing to tell */

	struct speaker_leave leave;
	enum k8s_reason node_reason; /* by the rules of the configuration; K8S_ANNOUNCED: none */
	bool drain_waits; /* rules that say that the node is about to go do not count yet */
	bool services_stopped; /* withdrawn, as the daemon is about to end */
	/* By type of advertisement: what it originates is about to go. */
	bool graceful_shutdown[K8S_ADVERTISE_PREFIX + 1];
	struct loop_timer leave_timer;
	uint64_t withdrawn_by; /* loop_now(): then the sessions end, sent or not */
	loop_callback *left;
	void *left_arg;

	struct origin **origins;
	size_t origin_count;
	size_t origin_capacity;
	uint32_t next_origin_id;
	uint32_t origin_asn; /* that the routes were made with */
	struct audiences audiences;
	struct hash_table combinations; /* in use, by their members */
	struct hash_table own_prefixes; /* origin.c */
	struct own_prefix *due_prefixes; /* likewise */
	struct told_conflict *told_conflicts;
	size_t told_conflict_count;
	size_t told_conflict_capacity;
	struct loop_task announce_task;
	uint64_t announce_since; /* microseconds: when what it works on was read; 0: no event */

	struct speaker_peer **peers;
	size_t peer_count;
	size_t peer_capacity;
	struct hash_table peers_by_name; /* index.c */
	struct hash_table peers_by_address; /* index.c */
	struct speaker_range *ranges;
	size_t range_count;
	struct mesh mesh;
	size_t member_count; /* peers that are Established */
	bool *left_out; /* by index in the configuration: told that the peer cannot run */
	struct bgp_session **retired; /* of peers that are gone, until their Cease has left */
	size_t retired_count;
	size_t retired_capacity;
	struct loop_timer retire_timer;
	struct loop_timer listen_timer; /* to the next try; runs as long as one is refused */
	struct speaker_listener *listeners;
	size_t listener_count;
	uint16_t listen_port;
	struct speaker_listen_counters listen_counters;
	struct trouble_limit stranger_troubles;

	struct speaker_observer *observers;
	struct speaker_observer *next_observer; /* to be told of what is being told */
	struct rib_listener route_listener;
	uint64_t event_at; /* microseconds: when the cluster event at work was read; 0: none */
	uint64_t pending_at; /* microseconds: the oldest one that has no UPDATE yet; 0: none */
	uint64_t queued_at; /* microseconds: the oldest one whose UPDATE has not left; 0: none */
	struct loop_task latency_task;
	struct loop_timer latency_timer; /* the next look, while queues are full */
	unsigned latency_turns; /* that pending_at has waited for an UPDATE */
	struct speaker_latency latency;
	uint64_t fib_logged_at;

	loop_callback *stopped;
	void *stopped_arg;
	uint64_t stop_deadline;
	struct loop_timer stop_timer;
};

/* observe.c */
void speaker_tell(struct speaker *speaker, enum speaker_event_kind kind, const char *subject,
    const struct ip_prefix *prefix, const char *text);
void speaker_latency_start(struct speaker *speaker);
void speaker_latency_stop(struct speaker *speaker);
/* A cluster event has changed an announcement; its UPDATE is queued; it has left. */
void speaker_latency_note(struct speaker *speaker);
void speaker_latency_queued(struct speaker *speaker);
void speaker_latency_record(struct speaker *speaker);
/* Nobody is left to be sent anything. */
void speaker_latency_forget(struct speaker *speaker);
uint64_t speaker_microseconds(void);
/* UPDATEs of a session are queued that the kernel has not taken. */
bool speaker_is_sending(const struct speaker *speaker);

/* speaker.c */
/* This node's object, or NULL. */
const struct k8s_node *speaker_node(const struct speaker *speaker);
bool speaker_selects_node(const struct speaker *speaker, const struct k8s_selector *selector);

/* apply.c */
/*
 * Makes peers, listeners, origins and the FIB what the configuration and this node's labels say.
 * `old` is the configuration that was in force: NULL at the start, the same if only the cluster has
 * changed.
 */
void speaker_apply(struct speaker *speaker, const struct config *old);
/* Tries the addresses to listen on that were refused; `arg` is the speaker. */
void speaker_listen_again(void *arg);
/* The settings of the FIB as configured; every byte of them is written. */
void speaker_fib_settings(const struct config_fib *config, struct fib_settings *settings);

/* leave.c */
void speaker_leave_start(struct speaker *speaker);
void speaker_leave_stop(struct speaker *speaker);
/* A Node has changed; before the announcer hears of it. */
void speaker_leave_follow(struct speaker *speaker);
/* So has the configuration. */
void speaker_leave_configure(struct speaker *speaker);
/* The daemon is to end: `left` is called when the sessions may end, perhaps at once. */
void speaker_leave_begin(struct speaker *speaker, loop_callback *left, void *arg);
/* The delay is over: calls it when the withdrawals have left; again: calls it now. */
void speaker_leave_end(struct speaker *speaker);

/* cluster_events.c */
/* With the source and the configuration that are in force now. */
void speaker_cluster_events_apply(struct speaker *speaker);
/* A change of the cluster was judged, perhaps not for all Services yet. */
void speaker_cluster_events_judged(struct speaker *speaker);
/* Before the source goes. */
void speaker_cluster_events_stop(struct speaker *speaker);
void speaker_cluster_events_service(
    struct speaker *speaker, const struct k8s_service_change *change);

/* status_report.c */
/* With the source and the configuration that are in force now. */
void speaker_status_report_apply(struct speaker *speaker);
/* Before the source goes; nothing happens if it does not run. */
void speaker_status_report_stop(struct speaker *speaker);

/* source.c */
/*
 * Where its Secrets are; NULL: not known yet.  Until a source has said it, where those are that
 * the one before it has left.
 */
const char *speaker_namespace(const struct speaker *speaker);
void speaker_cluster_start(struct speaker *speaker);
/* True if it is another one than before. */
bool speaker_apply_source(struct speaker *speaker);
/* The cluster stays as it is. */
void speaker_stop_source(struct speaker *speaker);

/* listen.c */
/* Each is true if one was opened that has nobody's password yet. */
bool speaker_listeners_apply(struct speaker *speaker);
/* Tries those that are refused; as long as there are any, the timer has it done again. */
bool speaker_listeners_open(struct speaker *speaker);
void speaker_listeners_stop(struct speaker *speaker);
void speaker_listeners_close(struct speaker *speaker);
/* False if one is not open, or if other addresses are to be listened on now. */
bool speaker_listeners_are_right(const struct speaker *speaker);
/*
 * Connections from this prefix must carry the password; empty: none.  False and the error if a
 * listener does not have it now.
 */
bool speaker_listeners_set_password(const struct speaker *speaker, const struct ip_prefix *prefix,
    const char *password, struct error *error);

/* range.c */
/* Makes the ranges those of these entries; the others' passwords go. */
void speaker_ranges_apply(
    struct speaker *speaker, const struct config_peer *const *taken, size_t count);
/*
 * Gives the listeners the ranges' passwords: when no peer that goes or moves can take away the one
 * of a range that is a single address any more.
 */
void speaker_ranges_open(struct speaker *speaker);
void speaker_ranges_stop(struct speaker *speaker);
/* The entry of the longest range that the address is in, or NULL. */
const struct config_peer *speaker_range_entry(
    const struct speaker *speaker, const struct ip_address *address);
/*
 * The peer that takes a connection from this address, made if there is none (`peer` is NULL); NULL
 * and counted if it is refused.
 */
struct speaker_peer *speaker_range_admit(
    struct speaker *speaker, struct speaker_peer *peer, const struct ip_address *address);
/* The peer of a range goes, whatever it does. */
void speaker_range_forget(struct speaker_peer *peer);

/* index.c */
/* The name is final. */
void speaker_index_add(struct speaker_peer *peer);
void speaker_index_set_address(
    struct speaker_peer *peer, const struct ip_address *address, uint32_t scope);
void speaker_index_remove(struct speaker_peer *peer);
/* When there are no peers any more. */
void speaker_index_free(struct speaker *speaker);
/* NULL: there is none. */
struct speaker_peer *speaker_index_find_name(const struct speaker *speaker, const char *name);
/* Of a neighbour that is not behind an interface. */
struct speaker_peer *speaker_index_find_address(
    const struct speaker *speaker, const struct ip_address *address);

/* call.c */
/* A connection that somebody has opened; `arg` is the speaker. */
bgp_listener_accepted speaker_take_call;

/* Of a range, and never Established so far. */
static inline bool speaker_peer_is_stranger(const struct speaker_peer *peer)
{
	return peer->dynamic && !peer->was_up;
}

/* mesh.c */
void speaker_mesh_start(struct speaker *speaker);
/* The peers are gone. */
void speaker_mesh_stop(struct speaker *speaker);
/*
 * Makes the peers of the mesh what the configuration and the cluster say, in turns to come; `old` is
 * the configuration that was in force, or NULL.
 */
void speaker_mesh_apply(struct speaker *speaker, const struct config *old);
/* A peer with an entry of its own is to have this address. */
void speaker_mesh_yield_place(struct speaker *speaker, const struct ip_address *address);

/* mesh_nodes.c */
/*
 * A Node has changed; `object` is NULL: it is gone, `old` is NULL: it is there for the first time.
 * What follows from it does so at the end of this turn.
 */
void speaker_mesh_node_changed(struct speaker *speaker, const char *name,
    const struct k8s_node *object, const struct k8s_node *old);
/* The kernel may have other addresses of this node than before. */
void speaker_mesh_follow_links(struct speaker *speaker);
/* False while it is not known of some Nodes whether they are peers. */
bool speaker_mesh_is_settled(const struct speaker *speaker);
/* Unless there are filters: whether a route is one of the peer's own Node, or reflected by it. */
bool speaker_mesh_accepts(const struct speaker_peer *peer, const struct ip_prefix *prefix,
    const struct ip_address *next_hop);
/* What its peer sends may be other Nodes'. */
bool speaker_mesh_reflects(const struct mesh_node *node);
/*
 * Whether what this node passes on in the mesh is of a cluster of reflectors; and whether what has
 * been through that cluster is refused.  Who has become a reflector still needs what the others
 * reflect until its own sessions are there; who is none any more needs it at once, while it still
 * reflects for a while.
 */
bool speaker_mesh_sends_cluster(const struct speaker *speaker);
bool speaker_mesh_knows_cluster(const struct speaker *speaker);
/* Next hops that others know to be this Node's, where it has an address of the family. */
void speaker_mesh_next_hops(const struct speaker *speaker, struct bgp_next_hop *self);

/* peer.c */
/* Into and out of the list of peers that run, behind the others. */
void speaker_peers_add(struct speaker_peer *peer);
void speaker_peers_remove(const struct speaker_peer *peer);
/* Not configured yet; NULL if the RIB takes no more peers. */
struct speaker_peer *speaker_peer_new(struct speaker *speaker, const char *name);
void speaker_peer_free(struct speaker_peer *peer, enum bgp_cease_subcode subcode);
/* The first step of taking over a configuration, of all peers before the second of any. */
void speaker_peer_prepare(struct speaker_peer *peer, const struct config_peer *config);
/* Takes over what changed of the configuration; `old` is the whole one before, or NULL. */
void speaker_peer_configure(
    struct speaker_peer *peer, const struct config_peer *config, const struct config *old);
/* The neighbour of a peer behind an interface is at this address; unspecified: not known. */
void speaker_peer_move(struct speaker_peer *peer, const struct ip_address *address, uint32_t scope);
/* Lets new peers begin, some in each turn of the loop, once the kernel's addresses are known. */
void speaker_peers_release(struct speaker *speaker);
/* Listeners may have been opened: those are given its password. */
void speaker_peer_tell_listeners(const struct speaker_peer *peer);
/* What peers share; and the end of all of them. */
void speaker_peers_start(struct speaker *speaker);
void speaker_peers_stop(struct speaker *speaker);

/* trouble.c */
/* Something that went wrong, for the log and as the peer's last error. */
void speaker_peer_trouble(struct speaker_peer *peer, const char *what);
/* At which level to log what a neighbour can cause at will: debug if it was too much of late. */
enum log_level speaker_peer_trouble_level(struct speaker_peer *peer);

/* settings.c */
/* False and the error if the password cannot be had; all else is filled in even then. */
bool speaker_settings_fill(
    const struct speaker_peer *peer, struct bgp_session_settings *settings, struct error *error);
/*
 * True if what the peer sends would be taken in as it was under the configuration `before`, which
 * is of the whole one `old`.
 */
bool speaker_settings_judge_alike(
    const struct speaker_peer *peer, const struct config_peer *before, const struct config *old);
/* Of our own AS, as far as the configuration says it. */
bool speaker_peer_is_internal(const struct speaker_peer *peer);

/* refresh.c */
/* The neighbour asks for our routes again, or begins or ends to send its own again. */
void speaker_refresh(struct speaker_peer *peer, enum ip_family family, enum bgp_refresh kind);
/* Sends our routes of the family again; nothing happens unless Established. */
void speaker_refresh_send(struct speaker_peer *peer, enum ip_family family);
/* Asks an Established neighbour for its routes again; false if it cannot. */
bool speaker_refresh_request(struct speaker_peer *peer);
void speaker_refresh_start(struct speaker_peer *peer);
/* The session is over, and with it whatever was being sent again. */
void speaker_refresh_forget(struct speaker_peer *peer);

/* hold.c */
void speaker_peer_hold(struct speaker_peer *peer, enum speaker_hold hold,
    enum bgp_cease_subcode subcode, const char *text);
void speaker_peer_release(struct speaker_peer *peer, unsigned holds);
/* The same for a reason that is told in words, as long as it is the same ones only once. */
void speaker_peer_hold_for(struct speaker_peer *peer, enum speaker_hold hold, const char *why);

/* reach.c */
/* Looks anew whether peers can be reached and who is on an interface, at the end of this turn. */
static inline void speaker_look_around(struct speaker *speaker)
{
	loop_task_schedule(speaker->loop, &speaker->reach_task);
}
/*
 * The peer that takes a connection from this link-local address; NULL: nobody waits for one there,
 * or it has another neighbour.
 */
struct speaker_peer *speaker_neighbour_called(
    struct speaker *speaker, const struct ip_address *address, uint32_t interface);
void speaker_reach_start(struct speaker *speaker);
void speaker_reach_stop(struct speaker *speaker);

/* discovery.c */
/* Advertises, listens and asks where peers behind interfaces want it, and nowhere else. */
void speaker_discovery_follow(struct speaker *speaker);
/* Before privileges are dropped. */
void speaker_discovery_start(struct speaker *speaker);
void speaker_discovery_stop(struct speaker *speaker);

/* password.c */
/*
 * The password of the entry, "" if it has none, into `password`, of BGP_PASSWORD_MAX + 1 bytes.
 * False and the error if it cannot be had.
 */
bool speaker_password_find(const struct speaker *speaker, const struct config_peer *entry,
    char *password, struct error *error);
/* True if the API server has not said yet whether there is its Secret: it may come any moment. */
bool speaker_password_is_awaited(const struct speaker *speaker, const struct config_peer *entry);
/*
 * Watches the password files of these peers, before they are read, so that nothing is missed, and
 * has their Secrets followed.
 */
void speaker_passwords_watch(
    struct speaker *speaker, const struct config_peer *const *peers, size_t peer_count);
void speaker_password_retry_later(struct speaker *speaker);
void speaker_passwords_start(struct speaker *speaker);
void speaker_passwords_stop(struct speaker *speaker);

/* convergence.c */
void speaker_convergence_start(struct speaker *speaker);
void speaker_convergence_stop(struct speaker *speaker);
/* A session begins: its peer has told nothing yet. */
void speaker_convergence_begin(struct speaker_peer *peer);
/* If all peers have told what they have, the FIB may drop what is left of a previous run. */
void speaker_check_convergence(struct speaker *speaker);
/* It has told all that it has, or is held down by something that time will not end. */
bool speaker_peer_is_complete(struct speaker_peer *peer);
/* Who announced graceful restart says when it has sent everything of a family (RFC 4724 4). */
bool speaker_owes_end_of_rib(const struct speaker_peer *peer, enum ip_family family);

/* readiness.c */
void speaker_readiness_start(struct speaker *speaker);
void speaker_readiness_stop(struct speaker *speaker);

/* import.c */
/* A session begins. */
void speaker_import_begin(struct speaker_peer *peer);
void speaker_import_update(struct speaker_peer *peer, const struct bgp_update *update);
/* Warns of a peer that has sent nearly as much as it may; stops one that has sent more. */
void speaker_import_check_limits(struct speaker_peer *peer);
/* Filters again what the default import of internal peers let through or not. */
void speaker_import_refilter(struct speaker *speaker);

/* neighbour.c */
/* RFC 4456 8: the cluster that what the peer sends must not have been through, host order. */
uint32_t speaker_peer_import_cluster_id(const struct speaker_peer *peer);
void speaker_neighbour_key(const struct speaker_peer *peer, struct export_key *key);

/* audience.c */
/* Tells the peers of all origins apart by their lists; peers in no list are a kind of their own. */
void speaker_audiences_make(struct speaker *speaker);
/* Origins have gone: true if the others leave bits for peers that had none. */
bool speaker_audiences_relieve(struct speaker *speaker);
void speaker_audiences_free(struct speaker *speaker);
/* The bit of the peer of this name. */
uint64_t speaker_audiences_of(const struct speaker *speaker, const char *peer);
/* The bits of all peers of the list; no list: of all peers. */
uint64_t speaker_audience_of_list(const struct speaker *speaker, char *const *peers, size_t count);

/* combination.c */
/* The one with these members, ascending by id, made if need be: to be given a prefix or dropped. */
struct combination *speaker_combination_take(
    struct speaker *speaker, struct origin *const *members, size_t count);
/* Frees it if no prefix has it. */
void speaker_combination_drop(struct speaker *speaker, struct combination *combination);
/* Makes its routes of what is configured now; true if they are others than before. */
bool speaker_combination_renew(struct speaker *speaker, struct combination *combination);
void speaker_combinations_free(struct speaker *speaker);
/* What was logged of advertisements that are at odds no more: it will be logged again. */
void speaker_conflicts_forget(struct speaker *speaker);

/* origin.c */
void speaker_origin_start(struct speaker *speaker);
void speaker_origin_stop(struct speaker *speaker);
/* Takes over the advertisements, and makes all routes anew. */
void speaker_origin_configure(struct speaker *speaker);
/* The marks have changed: makes all routes anew, for the same audiences as before. */
void speaker_origin_renew(struct speaker *speaker);
/* The announcer may have been left something to do for all Services: does it, in slices. */
void speaker_origin_go_on(struct speaker *speaker);
void speaker_origin_object_changed(
    struct speaker *speaker, const struct k8s_object *object, const struct k8s_object *old);
void speaker_origin_object_removed(struct speaker *speaker, const struct k8s_object *object);

/* pod_cidrs.c */
void speaker_pod_cidrs_start(struct speaker *speaker);
void speaker_pod_cidrs_stop(struct speaker *speaker);
/* A Node has changed; `new` is NULL: it is gone, `old` is NULL: it is there for the first time. */
void speaker_pod_cidrs_changed(
    struct speaker *speaker, const struct k8s_node *new, const struct k8s_node *old);
/* In the same order. */
bool speaker_same_pod_cidrs(const struct k8s_node *a, const struct k8s_node *b);
/* True if the prefix lies inside a pod CIDR of a known Node. */
bool speaker_is_pod_prefix(const struct speaker *speaker, const struct ip_prefix *prefix);

#endif
