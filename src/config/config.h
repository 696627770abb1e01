/*
 * The configuration as an immutable value: every key of kbgpd.yaml(5) checked, resolved for this
 * node where it can be resolved without the cluster, with defaults filled in.  Loading reads the
 * file and nothing else; it collects every error, not only the first, each with file, line and
 * column.  Called by main and by the speaker's reload; what differs between two values is told
 * by difference.h.
 *
 * Settings that select nodes by label are kept as selectors: labels are known only once the
 * cluster is, and the speaker evaluates them.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "bgp/community.h"
#include "bgp/session.h"
#include "k8s/announce.h"
#include "k8s/selector.h"
#include "policy/filter.h"

enum config_cluster_source {
	CONFIG_SOURCE_NONE,
	CONFIG_SOURCE_MANIFESTS,
	CONFIG_SOURCE_KUBERNETES
};

enum config_cluster_status { CONFIG_STATUS_NONE, CONFIG_STATUS_CONFIG_MAP };

/* asn and routerID, as of `router` or one of its nodeOverrides. */
struct config_override {
	struct k8s_selector node_selector;
	bool has_asn;
	uint32_t asn;
	bool has_router_id;
	uint8_t router_id[4];
};

/* How this node gives its traffic to others before it goes. */
struct config_leave {
	bool graceful_shutdown; /* announces GRACEFUL_SHUTDOWN first; needs a delay */
	uint32_t delay_ms; /* 0: at once */
};

struct config_router {
	uint32_t asn;
	bool has_router_id;
	uint8_t router_id[4];
	bool has_cluster_id;
	uint8_t cluster_id[4]; /* RFC 4456; unless given, the router ID */
	uint16_t listen_port; /* 0: do not listen */
	struct ip_address *listen_addresses; /* none: all */
	size_t listen_address_count;
	struct config_override *overrides;
	size_t override_count;
	struct bgp_restart_settings restart;
	struct config_leave leave;
};

/* What `localASN` does beyond being shown to the neighbour (RFC 7705). */
enum config_local_asn_mode {
	CONFIG_LOCAL_ASN_PREPEND, /* it is put into the paths that come in, too */
	CONFIG_LOCAL_ASN_NO_PREPEND, /* not into those that come in */
	CONFIG_LOCAL_ASN_REPLACE /* neither, and those that go out have it in place of our own AS */
};

enum config_next_hop { CONFIG_NEXT_HOP_DEFAULT, CONFIG_NEXT_HOP_SELF, CONFIG_NEXT_HOP_UNCHANGED };

/* A value of a Secret of the namespace `cluster.namespace`. */
struct config_secret_key {
	char *name; /* of the Secret; NULL: none */
	char *key;
};

/* One entry of `peers`. */
struct config_peer {
	char *name;
	struct k8s_selector node_selector;
	/* One of three: its address, the interface that it is behind, or where it may call from. */
	struct ip_address address; /* unspecified: not given */
	char *interface; /* NULL: not given */
	bool has_range;
	struct ip_prefix range;
	uint32_t range_limit; /* peers of the range at a time */
	uint16_t port;
	uint32_t asn;
	enum bgp_remote_as remote_as;
	uint32_t local_asn; /* 0: the router's */
	enum config_local_asn_mode local_asn_mode;
	struct ip_address local_address; /* unspecified: the kernel's choice */
	bool families[IP_FAMILIES];
	bool passive;
	uint32_t hold_time_ms;
	uint32_t keepalive_time_ms; /* 0: a third of the hold time */
	uint32_t connect_retry_time_ms;
	uint32_t delay_open_time_ms; /* DelayOpen; 0: off */
	uint8_t ebgp_multihop; /* TTL; 1: directly connected */
	uint8_t ttl_security; /* 0: off */
	bool connected_check; /* an external neighbour at TTL 1 must be on a link of ours */
	bool enforce_first_as;
	enum bgp_role role;
	bool strict_role;
	uint8_t add_path_send; /* paths of a prefix at most; 0: off */
	bool add_path_receive;
	bool has_aigp;
	bool aigp; /* unless given: for internal peers */
	uint32_t max_as_path_length; /* 0: any */
	uint64_t strip_attributes[4]; /* bit t: type t is stripped at import */
	struct bgp_restart_settings restart; /* the router's where the peer says nothing */
	char *password_file; /* NULL: none; read by the speaker */
	struct config_secret_key password_secret; /* in its place; likewise */
	bool route_reflector_client;
	enum config_next_hop next_hop;
	uint8_t allow_own_asn;
	uint32_t max_prefixes; /* per family; 0: no limit */
	uint8_t max_prefixes_warning; /* per cent of it at which a warning is logged */
	bool has_import; /* `import` is there, even if empty */
	size_t *import; /* indices of filters */
	size_t import_count;
	size_t *export;
	size_t export_count;
	bool shutdown;
};

/* The section `mesh`: who else takes part is known once the cluster is. */
struct config_mesh {
	/* What all its peers are set to; the node selector says who takes part. */
	struct config_peer peer;
	bool enabled;
	bool has_route_reflectors;
	struct k8s_selector route_reflectors; /* which of those that take part reflect */
	bool has_cluster_id;
	uint8_t cluster_id[4]; /* of these, RFC 4456; unless given, as of `router` */
};

/* One entry of `advertisements`; `what` is the part that the announce rules use. */
struct config_advertisement {
	char *name;
	struct k8s_advertisement what;
	char **peers; /* names; none: all */
	size_t peer_count;
	bool has_local_pref;
	uint32_t local_pref;
	bool has_med;
	uint32_t med;
	struct bgp_community *communities;
	size_t community_count;
	uint8_t as_path_prepend;
};

enum config_aggregates {
	CONFIG_AGGREGATES_NONE,
	CONFIG_AGGREGATES_BLACKHOLE,
	CONFIG_AGGREGATES_UNREACHABLE
};

struct config_fib {
	bool install;
	uint32_t table;
	uint8_t protocol;
	uint32_t metric;
	uint32_t multipath;
	bool backup;
	bool withdraw_on_stop;
	enum config_aggregates aggregates;
	struct ip_address sources[IP_FAMILIES]; /* unspecified: none of the family */
	bool next_hop_objects; /* if the kernel has them */
};

struct config {
	struct file_identity identity; /* of the file that was read; all zero: none was */
	char *node_name;
	struct k8s_node_rules node_rules; /* node.withdrawServices */
	struct config_router router;
	enum config_cluster_source source;
	char *manifests; /* folder */
	char *namespace; /* where the Secrets are; "": that of the kubeconfig or service account */
	char *kubeconfig; /* file; "": the pod's service account */
	char **api_servers; /* URLs in place of that of the kubeconfig or service account */
	size_t api_server_count;
	bool cluster_events; /* tell Kubernetes what happens */
	enum config_cluster_status cluster_status; /* and how this node is */
	struct config_peer *peers;
	size_t peer_count;
	struct config_mesh mesh;
	struct config_advertisement *advertisements;
	size_t advertisement_count;
	struct policy_filter *filters;
	size_t filter_count;
	struct config_fib fib;
	char *metrics_address; /* host part of metrics.listen, "" for all; NULL: off */
	uint16_t metrics_port;
	enum log_level log_level;
	enum log_format log_format;
};

/* What surrounds the file and may stand in for keys that it leaves out. */
struct config_environment {
	const char *node_name; /* $NODE_NAME, or NULL */
	const char *host_name;
};

/*
 * Reads and checks the file.  Returns NULL and appends one line "FILE:LINE:COLUMN: message" per
 * error.  A file that cannot be read is one error, "FILE: message".
 */
struct config *config_load(
    const char *file, const struct config_environment *environment, struct text *errors);
/* The same from text; `file` is only named in errors.  Pure; the fuzzed entry. */
struct config *config_parse(const char *string, size_t length, const char *file,
    const struct config_environment *environment, struct text *errors);
void config_free(struct config *config);
/* As it is configured: "prepend", "no-prepend" or "replace". */
const char *config_local_asn_mode_name(enum config_local_asn_mode mode);

#endif
