/*
 * TCP for BGP: listening and connecting sockets with the options that protect a session (MD5
 * signatures of RFC 2385, TTL, GTSM of RFC 5082), and nothing else: no message is read or written
 * here.  Called by the session (connect) and the speaker (listen).
 */
#ifndef BGP_TRANSPORT_H
#define BGP_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/loop.h"

#define BGP_PASSWORD_MAX 80 /* TCP_MD5SIG_MAXKEYLEN */

/* How a connection to one neighbour is opened and checked. */
struct bgp_transport_options {
	struct ip_address local; /* unspecified: the kernel chooses */
	struct ip_address remote;
	uint32_t scope; /* interface index of a link-local remote, or 0 */
	uint16_t port;
	uint8_t ttl; /* of what is sent; 0: the system's default */
	uint8_t ttl_security; /* GTSM: hops to the neighbour, 0: off; excludes ttl */
	char password[BGP_PASSWORD_MAX + 1]; /* empty: none */
};

/*
 * Begins a connection; the descriptor is non-blocking and close-on-exec, and becomes writable
 * when it is up or has failed (bgp_transport_error()).  -1 and the error if it cannot begin.
 */
int bgp_transport_connect(const struct bgp_transport_options *options, struct error *error);
/* The pending error of a connection that was begun: 0 or an errno. */
int bgp_transport_error(int fd);
/*
 * Applies TTL and GTSM to an accepted connection; false also if it came over more hops than GTSM
 * allows.
 */
bool bgp_transport_prepare(
    int fd, const struct bgp_transport_options *options, struct error *error);
/*
 * Changes the MD5 password of a connection that is up and has one: segments are signed with the
 * new one from now on, so the other side must change too.
 */
bool bgp_transport_set_password(
    int fd, const struct bgp_transport_options *options, struct error *error);
/*
 * Of an accepted connection: true if it is signed, or if there is no password.  Not all are that
 * come from a listener with a password: some may have waited there when it was told.
 */
bool bgp_transport_check_password(
    int fd, const struct bgp_transport_options *options, struct error *error);
/* Both ends of a connection; false if it is gone. */
bool bgp_transport_addresses(int fd, struct ip_address *local, uint16_t *local_port,
    struct ip_address *remote, uint16_t *remote_port, uint32_t *scope);

/* False if the kernel has no sockets of this family. */
bool bgp_transport_has_family(enum ip_family family);

struct bgp_listener;

/* An accepted connection; the receiver owns `fd`. */
typedef void bgp_listener_accepted(void *arg, int fd, const struct ip_address *remote,
    const struct ip_address *local, uint32_t scope);

/*
 * Listens on `port` of `address`, or of every address of its family if it is unspecified; `scope`
 * is the interface of a link-local address, else 0.  At most
 * a few connections are accepted per turn of the loop.  NULL and the error on failure.
 */
struct bgp_listener *bgp_listener_new(struct loop *loop, const struct ip_address *address,
    uint32_t scope, uint16_t port, bgp_listener_accepted *accepted, void *arg, struct error *error);
void bgp_listener_free(struct bgp_listener *listener);
/* The port that it listens on, which the kernel chose if 0 was asked for. */
uint16_t bgp_listener_port(const struct bgp_listener *listener);
/*
 * Sets the MD5 password that connections from `remote` must carry, in place of the one that this
 * very prefix had; an empty one removes it.  The longest prefix with a password counts.  Link-local
 * addresses have one password on all interfaces.  Ignored for a listener of the other family.
 */
bool bgp_listener_set_password(struct bgp_listener *listener, const struct ip_prefix *remote,
    const char *password, struct error *error);

#endif
