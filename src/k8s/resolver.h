/*
 * The addresses of a host, without waiting for them: an address is its own, a name is looked up in
 * /etc/hosts and the DNS as the resolver's configuration says.
 */
#ifndef K8S_RESOLVER_H
#define K8S_RESOLVER_H

#include <stddef.h>

#include "base/address.h"
#include "base/loop.h"

/* More of one name are not looked at. */
#define K8S_ADDRESSES_MAX 16

struct k8s_resolver;

/* The addresses in the order of the answer, or none and why. */
typedef void k8s_resolver_done(
    void *arg, const struct ip_address *addresses, size_t count, const char *failure);

struct k8s_resolver *k8s_resolver_new(struct loop *loop, k8s_resolver_done *done, void *arg);
void k8s_resolver_free(struct k8s_resolver *resolver);
/* Begins, in place of what may be under way; `done` is called once, after this has returned. */
void k8s_resolver_look_up(struct k8s_resolver *resolver, const char *host);
/* `done` is not called; harmless if nothing is under way. */
void k8s_resolver_cancel(struct k8s_resolver *resolver);

#endif
