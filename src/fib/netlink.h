/*
 * Rtnetlink as this daemon uses it: one socket for requests, packed many to a system call with
 * errors matched by sequence number, and one socket for notifications and dumps.  Built on libnl;
 * it knows no RIB.  Called by the rest of the FIB room only.
 */
#ifndef FIB_NETLINK_H
#define FIB_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"

struct fib_netlink;

struct fib_netlink_ops {
	/*
	 * A notification or a line of a dump.  What our own requests change is not notified: their
	 * answers say it.
	 */
	void (*message)(void *arg, const struct nlmsghdr *message);
	/*
	 * The kernel's answer to the request with this tag: 0 or an errno, and its own text or
	 * NULL.  ENOBUFS: the answer is lost, the request may have been done or not.
	 */
	void (*answered)(void *arg, uint64_t tag, int error, const char *text);
	/* The dump that was asked for is complete; false: it failed and must be asked for again. */
	void (*dumped)(void *arg, int type, bool complete);
	/* Notifications were lost (ENOBUFS), the others have been read: ask for dumps again. */
	void (*overrun)(void *arg);
	/* Every queued request has been answered. */
	void (*idle)(void *arg);
};

/*
 * Joins the multicast groups of links, addresses, rules, next-hop objects and routes of both
 * families.
 */
struct fib_netlink *fib_netlink_new(
    struct loop *loop, const struct fib_netlink_ops *ops, void *arg, struct error *error);
void fib_netlink_free(struct fib_netlink *netlink);
/* Whether changes of the neighbour table are told; not at first. */
void fib_netlink_hear_neighbours(struct fib_netlink *netlink, bool hear);
/*
 * Asks for a dump of RTM_GETLINK, RTM_GETADDR, RTM_GETRULE, RTM_GETROUTE, RTM_GETNEIGH or
 * RTM_GETNEXTHOP; dumps run one after the other.  Of what the kernel has not at all an empty one is
 * complete.
 */
void fib_netlink_dump(struct fib_netlink *netlink, int type, int family);
/*
 * Queues one finished request; its sequence number and NLM_F_ACK are filled in.  `tag` comes back
 * with the answer.  Requests leave in order, one packed batch per turn of the loop.
 */
void fib_netlink_request(struct fib_netlink *netlink, struct nlmsghdr *message, uint64_t tag);
/*
 * Reads notifications that have come; false if there may be more than one turn may read.  For one
 * who is about to decide on what they say.
 */
bool fib_netlink_read(struct fib_netlink *netlink);
/* Requests queued or unanswered. */
size_t fib_netlink_pending(const struct fib_netlink *netlink);
/* Sends all that is queued now and waits for the answers, at most so long; for the end. */
void fib_netlink_flush(struct fib_netlink *netlink, uint64_t limit_ms);

#endif
