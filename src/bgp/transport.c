/*
 * Sockets for BGP: each is made for one family with its protections set before the first packet
 * leaves, because MD5 (RFC 2385), GTSM (RFC 5082) and the local address are of no use later.
 *
 * An IPv6 socket never takes IPv4 (IPV6_V6ONLY): with mapped addresses the kernel would look for
 * MD5 keys under another family than the one they were set for.  A listener sends with TTL 255:
 * its SYN-ACK must pass a neighbour that demands it (GTSM), and hurts no other; the accepted
 * connection gets the TTL that was configured.  When the process is out of descriptors a listener
 * rests for a second, for the kernel would report the same connection again and again.
 */
#define _GNU_SOURCE 1 /* accept4 */

#include "bgp/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

#define LISTEN_BACKLOG SOMAXCONN /* a node that starts is called by all others at once */
#define ACCEPTS_PER_TURN 16
#define ACCEPT_PAUSE_MS 1000
#define TTL_MAX 255
#define PACKET_HEADERS_MAX 512 /* IP and TCP of a SYN; a longer one is not given */

/* RFC 4271 appendix E: internetwork control. */
#define TRAFFIC_CLASS 0xc0

struct bgp_listener {
	struct loop *loop;
	struct loop_watch watch;
	struct loop_timer pause;
	bgp_listener_accepted *accepted;
	void *arg;
	int fd;
	uint16_t port;
	enum ip_family family;
};

static bool set_option(
    int fd, int level, int option, int value, const char *what, struct error *error)
{
	if (!setsockopt(fd, level, option, &value, sizeof(value)))
		return true;
	return error_set(error, "cannot set %s: %s", what, strerror(errno));
}

/* What every socket of ours has; the system's congestion of small segments is not wanted. */
static bool set_common(int fd, enum ip_family family, struct error *error)
{
	int on = 1, class = TRAFFIC_CLASS;

	/* Only a wish: a kernel that refuses it does no harm. */
	if (family == IPV6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
	else
		(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof(class));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", error) &&
	       (family != IPV6 ||
		   set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY", error));
}

static bool set_ttl(int fd, enum ip_family family, int ttl, struct error *error)
{
	if (family == IPV6)
		return set_option(
		    fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, "IPV6_UNICAST_HOPS", error);
	return set_option(fd, IPPROTO_IP, IP_TTL, ttl, "IP_TTL", error);
}

/* RFC 5082 3: send with 255, and take nothing that came over more hops than configured. */
static bool set_ttl_security(int fd, enum ip_family family, uint8_t hops, struct error *error)
{
	int least = TTL_MAX + 1 - hops;

	if (!set_ttl(fd, family, TTL_MAX, error))
		return false;
	if (family == IPV6)
		return set_option(
		    fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, least, "IPV6_MINHOPCOUNT", error);
	return set_option(fd, IPPROTO_IP, IP_MINTTL, least, "IP_MINTTL", error);
}

/*
 * What came before an accepted connection had its limit was let through, perhaps a whole OPEN, but
 * its SYN came over as many hops: the listener keeps it.
 */
static bool check_first_packet(int fd, enum ip_family family, uint8_t hops, struct error *error)
{
	const size_t ttl_at = family == IPV6 ? 7 : 8; /* RFC 8200 3, RFC 791 3.1 */
	uint8_t packet[PACKET_HEADERS_MAX];
	socklen_t length = sizeof(packet);

	/* None: the connection is one that we opened, or the kernel keeps none. */
	if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, packet, &length) || length <= ttl_at ||
	    packet[ttl_at] + hops > TTL_MAX)
		return true;
	return error_set(error, "refused a connection with TTL %u where %u is the least",
	    packet[ttl_at], TTL_MAX + 1u - hops);
}

bool bgp_transport_prepare(int fd, const struct bgp_transport_options *options, struct error *error)
{
	enum ip_family family = options->remote.family;

	if (options->ttl_security)
		return set_ttl_security(fd, family, options->ttl_security, error) &&
		       check_first_packet(fd, family, options->ttl_security, error);
	/* -1 is the system's default; an accepted connection has the 255 of its listener. */
	return set_ttl(fd, family, options->ttl ? options->ttl : -1, error);
}

/* An empty password removes the key; false and `errno` if the kernel refuses. */
static bool put_key(int fd, const struct ip_prefix *remote, const char *password)
{
	bool is_host = remote->length == ip_family_bits((enum ip_family)remote->family);
	struct ip_address address = ip_prefix_address(remote);
	struct tcp_md5sig key = {0};
	size_t length = strlen(password);

	ip_address_to_sockaddr(&address, 0, 0, &key.tcpm_addr);
	key.tcpm_flags = is_host ? 0 : TCP_MD5SIG_FLAG_PREFIX;
	key.tcpm_prefixlen = remote->length;
	key.tcpm_keylen = (uint16_t)length;
	memcpy(key.tcpm_key, password, length);
	return !setsockopt(
	    fd, IPPROTO_TCP, is_host ? TCP_MD5SIG : TCP_MD5SIG_EXT, &key, sizeof(key));
}

static const char *explain_refused_key(int code)
{
	if (code == ENOPROTOOPT)
		return " (the kernel lacks CONFIG_TCP_MD5SIG)";
	/* What one socket may hold: by default less than a thousand keys. */
	return code == ENOMEM ? " (there are more of them than net.core.optmem_max allows)" : "";
}

/*
 * RFC 2385: an empty password removes the key.  The kernel replaces the key of an equal prefix, and
 * of several that cover an address takes the longest.  A key cannot be bound to the interface of a
 * link-local address (TCP_MD5SIG_FLAG_IFINDEX takes nothing but a VRF), so it counts on all.
 */
static bool set_password(
    int fd, const struct ip_prefix *remote, const char *password, struct error *error)
{
	if (strlen(password) > TCP_MD5SIG_MAXKEYLEN)
		return error_set(
		    error, "a TCP MD5 password has at most %d octets", TCP_MD5SIG_MAXKEYLEN);
	if (put_key(fd, remote, password))
		return true;
	if (!password[0] && errno == ENOENT)
		return true; /* there was none to remove */
	return error_set(error, "cannot set the TCP MD5 password: %s%s", strerror(errno),
	    explain_refused_key(errno));
}

static struct ip_prefix host_prefix(const struct ip_address *address)
{
	return ip_prefix_from_address(address, ip_family_bits((enum ip_family)address->family));
}

bool bgp_transport_set_password(
    int fd, const struct bgp_transport_options *options, struct error *error)
{
	struct ip_prefix host = host_prefix(&options->remote);

	return set_password(fd, &host, options->password, error);
}

bool bgp_transport_check_password(
    int fd, const struct bgp_transport_options *options, struct error *error)
{
	struct ip_prefix host = host_prefix(&options->remote);

	if (!options->password[0])
		return true;
	/* Nothing but its removal tells whether there is a key. */
	if (!put_key(fd, &host, ""))
		return error_set(error, "refused a connection that carries no TCP MD5 signature");
	return set_password(fd, &host, options->password, error);
}

static int new_socket(enum ip_family family, struct error *error)
{
	int fd = socket(family == IPV6 ? AF_INET6 : AF_INET,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0)
		error_set(error, "cannot open a socket: %s", strerror(errno));
	return fd;
}

bool bgp_transport_has_family(enum ip_family family)
{
	const int fd = new_socket(family, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool bind_local(int fd, const struct bgp_transport_options *options, struct error *error)
{
	struct sockaddr_storage storage;
	char text[IP_TEXT_MAX];
	uint32_t scope = ip_address_is_link_local(&options->local) ? options->scope : 0;
	size_t length;
	int on = 1;

	if (ip_address_is_unspecified(&options->local))
		return true;
	length = ip_address_to_sockaddr(&options->local, 0, scope, &storage);
	/* The port is chosen at connect, so many sessions can use one; older kernels do without. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (!bind(fd, (const struct sockaddr *)&storage, (socklen_t)length))
		return true;
	return error_set(error, "cannot use the local address %s: %s",
	    ip_address_print(&options->local, text), strerror(errno));
}

static bool begin_connection(
    int fd, const struct bgp_transport_options *options, struct error *error)
{
	struct sockaddr_storage storage;
	size_t length =
	    ip_address_to_sockaddr(&options->remote, options->port, options->scope, &storage);

	if (!set_common(fd, options->remote.family, error) ||
	    !bgp_transport_prepare(fd, options, error) || !bind_local(fd, options, error))
		return false;
	if (options->password[0] && !bgp_transport_set_password(fd, options, error))
		return false;
	if (!connect(fd, (const struct sockaddr *)&storage, (socklen_t)length) ||
	    errno == EINPROGRESS)
		return true;
	return error_set(error, "cannot connect: %s", strerror(errno));
}

int bgp_transport_connect(const struct bgp_transport_options *options, struct error *error)
{
	int fd = new_socket(options->remote.family, error);

	if (fd >= 0 && !begin_connection(fd, options, error)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int bgp_transport_error(int fd)
{
	int value = 0;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length) ? errno : value;
}

bool bgp_transport_addresses(int fd, struct ip_address *local, uint16_t *local_port,
    struct ip_address *remote, uint16_t *remote_port, uint32_t *scope)
{
	struct sockaddr_storage here, there;
	socklen_t here_length = sizeof(here), there_length = sizeof(there);

	return !getsockname(fd, (struct sockaddr *)&here, &here_length) &&
	       !getpeername(fd, (struct sockaddr *)&there, &there_length) &&
	       ip_address_from_sockaddr((const struct sockaddr *)&here, local, local_port, NULL) &&
	       ip_address_from_sockaddr(
		   (const struct sockaddr *)&there, remote, remote_port, scope);
}

/* Hands one connection up; false if there is none, or none can be taken now. */
static bool accept_one(struct bgp_listener *listener)
{
	struct ip_address local, remote;
	uint32_t scope;
	int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			loop_watch_set(&listener->watch, 0);
			loop_timer_start(&listener->pause, ACCEPT_PAUSE_MS);
		}
		/* A connection that died in the queue is no reason to leave the others there. */
		return errno == ECONNABORTED || errno == EINTR;
	}
	if (!bgp_transport_addresses(fd, &local, NULL, &remote, NULL, &scope))
		close(fd);
	else
		listener->accepted(listener->arg, fd, &remote, &local, scope);
	return true;
}

static void accept_some(void *arg)
{
	for (unsigned i = 0; i < ACCEPTS_PER_TURN && accept_one(arg); i++)
		;
}

static void accept_again(void *arg)
{
	struct bgp_listener *listener = arg;

	loop_watch_set(&listener->watch, LOOP_READ);
}

static bool begin_listening(
    int fd, const struct ip_address *address, uint32_t scope, uint16_t port, struct error *error)
{
	struct sockaddr_storage storage;
	size_t length = ip_address_to_sockaddr(address, port, scope, &storage);
	char text[IP_TEXT_MAX];

	if (!set_common(fd, address->family, error) ||
	    !set_ttl(fd, address->family, TTL_MAX, error))
		return false;
	/* For check_first_packet(); a kernel without it only refuses later. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, &(int){1}, sizeof(int));
	if (!bind(fd, (const struct sockaddr *)&storage, (socklen_t)length) &&
	    !listen(fd, LISTEN_BACKLOG))
		return true;
	return error_set(error, "cannot listen on %s port %u: %s%s",
	    ip_address_print(address, text), port, strerror(errno),
	    errno == EACCES ? " (ports below 1024 need CAP_NET_BIND_SERVICE)" : "");
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);
	struct ip_address address;
	uint16_t port = 0;

	if (!getsockname(fd, (struct sockaddr *)&storage, &length))
		ip_address_from_sockaddr((const struct sockaddr *)&storage, &address, &port, NULL);
	return port;
}

struct bgp_listener *bgp_listener_new(struct loop *loop, const struct ip_address *address,
    uint32_t scope, uint16_t port, bgp_listener_accepted *accepted, void *arg, struct error *error)
{
	int fd = new_socket(address->family, error);
	struct bgp_listener *listener;

	if (fd < 0)
		return NULL;
	if (!begin_listening(fd, address, scope, port, error)) {
		close(fd);
		return NULL;
	}
	listener = memory_allocate_zero(1, sizeof(*listener));
	*listener = (struct bgp_listener){.loop = loop,
	    .accepted = accepted,
	    .arg = arg,
	    .fd = fd,
	    .port = bound_port(fd),
	    .family = address->family};
	loop_timer_init(loop, &listener->pause, accept_again, listener);
	loop_watch_start(loop, &listener->watch, fd, accept_some, NULL, listener);
	loop_watch_set(&listener->watch, LOOP_READ);
	return listener;
}

void bgp_listener_free(struct bgp_listener *listener)
{
	if (!listener)
		return;
	loop_timer_free(&listener->pause);
	loop_watch_stop(&listener->watch);
	close(listener->fd);
	free(listener);
}

uint16_t bgp_listener_port(const struct bgp_listener *listener)
{
	return listener->port;
}

bool bgp_listener_set_password(struct bgp_listener *listener, const struct ip_prefix *remote,
    const char *password, struct error *error)
{
	if (remote->family != listener->family)
		return true;
	return set_password(listener->fd, remote, password, error);
}
