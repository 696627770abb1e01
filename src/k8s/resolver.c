/*
 * libevent's resolver, made anew for each name: names are looked up when a connection is made,
 * which is rare, and so a changed /etc/resolv.conf or /etc/hosts is never missed.
 *
 * What libevent calls back has a life of its own.  A lookup that is given up is called back all the
 * same, later; its small struct stays until then and knows nobody any more.  The resolver of an
 * answer stays until the next lookup, for the answer of the other family may still be on its way
 * through it.
 */
#include "k8s/resolver.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <stdlib.h>

#include "base/memory.h"

/* One question, and who asked it; NULL: nobody waits for the answer. */
struct lookup {
	struct k8s_resolver *resolver;
};

struct k8s_resolver {
	struct loop *loop;
	struct evdns_base *dns;
	struct lookup *lookup; /* NULL: none is under way */
	struct loop_task task; /* tells the answer */
	k8s_resolver_done *done;
	void *arg;
	struct ip_address addresses[K8S_ADDRESSES_MAX];
	size_t count;
	const char *failure;
};

static void tell(void *arg)
{
	struct k8s_resolver *resolver = arg;

	resolver->done(resolver->arg, resolver->addresses, resolver->count, resolver->failure);
}

static void keep_addresses(struct k8s_resolver *resolver, const struct evutil_addrinfo *list)
{
	for (; list && resolver->count < K8S_ADDRESSES_MAX; list = list->ai_next) {
		struct ip_address *address = &resolver->addresses[resolver->count];

		if (ip_address_from_sockaddr(list->ai_addr, address, NULL, NULL))
			resolver->count++;
	}
}

static void answered(int result, struct evutil_addrinfo *list, void *arg)
{
	struct lookup *lookup = arg;
	struct k8s_resolver *resolver = lookup->resolver;

	free(lookup);
	if (resolver) {
		resolver->lookup = NULL;
		keep_addresses(resolver, list);
		if (!resolver->count)
			resolver->failure =
			    result ? evutil_gai_strerror(result) : "it has no address";
		loop_task_schedule(resolver->loop, &resolver->task);
	}
	if (list)
		evutil_freeaddrinfo(list);
}

/* Both families, as streams: one entry per address. */
static void ask(struct k8s_resolver *resolver, const char *host)
{
	const struct evutil_addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
	struct lookup *lookup;

	resolver->dns =
	    evdns_base_new(loop_event_base(resolver->loop), EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!resolver->dns) {
		resolver->failure = "libevent's resolver cannot be used";
		loop_task_schedule(resolver->loop, &resolver->task);
		return;
	}
	/* It may be missing: there still is /etc/hosts. */
	evdns_base_resolv_conf_parse(resolver->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
	lookup = memory_allocate(sizeof(*lookup));
	*lookup = (struct lookup){resolver};
	resolver->lookup = lookup;
	/* The answer may be there at once, and then the lookup is over. */
	evdns_getaddrinfo(resolver->dns, host, NULL, &hints, answered, lookup);
}

struct k8s_resolver *k8s_resolver_new(struct loop *loop, k8s_resolver_done *done, void *arg)
{
	struct k8s_resolver *resolver = memory_allocate_zero(1, sizeof(*resolver));

	resolver->loop = loop;
	resolver->done = done;
	resolver->arg = arg;
	loop_task_init(&resolver->task, tell, resolver);
	return resolver;
}

void k8s_resolver_cancel(struct k8s_resolver *resolver)
{
	loop_task_cancel(resolver->loop, &resolver->task);
	if (resolver->lookup)
		resolver->lookup->resolver = NULL;
	resolver->lookup = NULL;
	if (resolver->dns)
		evdns_base_free(resolver->dns, 1);
	resolver->dns = NULL;
}

void k8s_resolver_look_up(struct k8s_resolver *resolver, const char *host)
{
	k8s_resolver_cancel(resolver);
	resolver->failure = NULL;
	resolver->count = ip_address_parse(host, &resolver->addresses[0]) ? 1 : 0;
	if (resolver->count)
		loop_task_schedule(resolver->loop, &resolver->task);
	else
		ask(resolver, host);
}

void k8s_resolver_free(struct k8s_resolver *resolver)
{
	if (!resolver)
		return;
	k8s_resolver_cancel(resolver);
	free(resolver);
}
