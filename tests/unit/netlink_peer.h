/*
 * The kernel's end of the netlink sockets, in the hands of a test: what libnl and the C library do
 * with them is replaced in the whole process.  What is sent comes to a handler message by message,
 * before send() returns, as it comes to the kernel; what it or the test delivers is what recvmsg()
 * returns next, and errors are delivered in the same way.  Include it in one file of a test.
 */
#ifndef TESTS_UNIT_NETLINK_PEER_H
#define TESTS_UNIT_NETLINK_PEER_H

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the order in which they are opened. */
enum peer_role { PEER_REQUESTS, PEER_EVENTS, PEER_ROLES };

enum { PEER_PORT = 4711 }; /* of the first socket; the second one has the next */

struct peer_packet {
	struct peer_packet *next;
	int error; /* what recvmsg() fails with in its place, or 0 */
	uint32_t from; /* the port of the sender; the kernel's is 0 */
	size_t length;
	_Alignas(struct nlmsghdr) uint8_t bytes[];
};

struct peer_socket {
	struct nl_sock *socket;
	int fd; /* of an eventfd(2), which is readable while there are packets */
	struct peer_packet *first;
	struct peer_packet **last;
};

typedef void peer_handler(void *arg, enum peer_role role, const struct nlmsghdr *message);

static struct netlink_peer {
	struct peer_socket sockets[PEER_ROLES];
	unsigned opened;
	peer_handler *handler;
	void *arg;
	unsigned sent[PEER_ROLES]; /* calls of send() */
	int send_error[PEER_ROLES]; /* what the next one fails with, or 0 */
} netlink_peer;

/* NULL if the descriptor is none of the two. */
static struct peer_socket *peer_socket_of(int fd)
{
	for (unsigned i = 0; i < netlink_peer.opened; i++)
		if (netlink_peer.sockets[i].fd == fd)
			return &netlink_peer.sockets[i];
	return NULL;
}

static struct peer_packet *peer_make_packet(const void *bytes, size_t length, int error)
{
	struct peer_packet *packet = calloc(1, sizeof(*packet) + length);

	if (!packet)
		abort();
	packet->error = error;
	packet->length = length;
	if (length)
		memcpy(packet->bytes, bytes, length);
	return packet;
}

static void peer_append(enum peer_role role, struct peer_packet *packet)
{
	struct peer_socket *socket = &netlink_peer.sockets[role];

	*socket->last = packet;
	socket->last = &packet->next;
	if (eventfd_write(socket->fd, 1))
		abort();
}

/* A datagram of one message or several. */
static inline void peer_deliver(enum peer_role role, const void *bytes, size_t length)
{
	peer_append(role, peer_make_packet(bytes, length, 0));
}

/* One of another process, which pretends to be the kernel. */
static inline void peer_deliver_from(
    uint32_t port, enum peer_role role, const void *bytes, size_t length)
{
	struct peer_packet *packet = peer_make_packet(bytes, length, 0);

	packet->from = port;
	peer_append(role, packet);
}

static inline void peer_deliver_error(enum peer_role role, int error)
{
	peer_append(role, peer_make_packet(NULL, 0, error));
}

/* The first packet; the caller frees it.  NULL: there is none. */
static struct peer_packet *peer_take(struct peer_socket *socket)
{
	struct peer_packet *packet = socket->first;
	eventfd_t count;

	if (!packet)
		return NULL;
	socket->first = packet->next;
	if (!socket->first) {
		socket->last = &socket->first;
		eventfd_read(socket->fd, &count);
	}
	return packet;
}

/* What has not been read is lost, as when a buffer is full. */
static inline void peer_drop_all(enum peer_role role)
{
	struct peer_packet *packet;

	while ((packet = peer_take(&netlink_peer.sockets[role])))
		free(packet);
}

/* Before the sockets are opened. */
static inline void peer_start(peer_handler *handler, void *arg)
{
	netlink_peer = (struct netlink_peer){.handler = handler, .arg = arg};
}

/* After they have been closed. */
static inline void peer_stop(void)
{
	for (unsigned i = 0; i < netlink_peer.opened; i++) {
		peer_drop_all(i);
		close(netlink_peer.sockets[i].fd);
	}
	netlink_peer.opened = 0;
}

/* In place of libnl */

int nl_connect(struct nl_sock *socket, int protocol)
{
	struct peer_socket *end = &netlink_peer.sockets[netlink_peer.opened];

	if (netlink_peer.opened == PEER_ROLES || protocol != NETLINK_ROUTE)
		abort();
	*end = (struct peer_socket){
	    .socket = socket, .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .last = &end->first};
	netlink_peer.opened++;
	return 0;
}

int nl_socket_get_fd(const struct nl_sock *socket)
{
	for (unsigned i = 0; i < netlink_peer.opened; i++)
		if (netlink_peer.sockets[i].socket == socket)
			return netlink_peer.sockets[i].fd;
	return -1;
}

uint32_t nl_socket_get_local_port(const struct nl_sock *socket)
{
	return PEER_PORT + (netlink_peer.sockets[PEER_EVENTS].socket == socket);
}

int nl_socket_set_nonblocking(const struct nl_sock *socket)
{
	(void)socket;
	return 0;
}

int nl_socket_add_memberships(struct nl_sock *socket, int group, ...)
{
	(void)socket, (void)group;
	return 0;
}

int nl_socket_add_membership(struct nl_sock *socket, int group)
{
	(void)socket, (void)group;
	return 0;
}

int nl_socket_drop_membership(struct nl_sock *socket, int group)
{
	(void)socket, (void)group;
	return 0;
}

/* In place of the C library */

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
	const struct peer_socket *socket = peer_socket_of(fd);
	const enum peer_role role = socket ? (enum peer_role)(socket - netlink_peer.sockets) : 0;
	size_t at = 0;

	if (!socket)
		return syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
	netlink_peer.sent[role]++;
	if (netlink_peer.send_error[role]) {
		errno = netlink_peer.send_error[role];
		netlink_peer.send_error[role] = 0;
		return -1;
	}
	while (at < length) {
		const struct nlmsghdr *message =
		    (const struct nlmsghdr *)((const uint8_t *)bytes + at);

		netlink_peer.handler(netlink_peer.arg, role, message);
		at += NLMSG_ALIGN(message->nlmsg_len);
	}
	return (ssize_t)length;
}

ssize_t recvmsg(int fd, struct msghdr *header, int flags)
{
	struct peer_socket *socket = peer_socket_of(fd);
	struct peer_packet *packet;
	size_t length;
	int error;

	if (!socket)
		return syscall(SYS_recvmsg, fd, header, flags);
	packet = peer_take(socket);
	error = packet ? packet->error : EAGAIN;
	length = packet ? packet->length : 0;
	header->msg_flags = length > header->msg_iov[0].iov_len ? MSG_TRUNC : 0;
	if (header->msg_flags)
		length = header->msg_iov[0].iov_len;
	if (length)
		memcpy(header->msg_iov[0].iov_base, packet->bytes, length);
	if (packet && header->msg_name)
		((struct sockaddr_nl *)header->msg_name)->nl_pid = packet->from;
	free(packet);
	errno = error;
	return error ? -1 : (ssize_t)length;
}

/* Messages */

/* Room for one message, or a few of them. */
struct peer_message {
	size_t length;
	_Alignas(struct nlmsghdr) uint8_t bytes[8192];
};

static inline struct nlmsghdr *peer_header(struct peer_message *message)
{
	return (struct nlmsghdr *)message->bytes;
}

/* A message with the header of its family. */
static inline struct peer_message peer_message(
    uint16_t type, uint16_t flags, uint32_t sequence, const void *body, size_t length)
{
	struct peer_message message = {.length = NLMSG_HDRLEN + NLMSG_ALIGN(length)};

	*peer_header(&message) = (struct nlmsghdr){
	    .nlmsg_len = (uint32_t)message.length,
	    .nlmsg_type = type,
	    .nlmsg_flags = flags,
	    .nlmsg_seq = sequence,
	};
	if (length)
		memcpy(message.bytes + NLMSG_HDRLEN, body, length);
	return message;
}

static inline void peer_put(
    struct peer_message *message, uint16_t type, const void *payload, size_t length)
{
	struct nlattr *attribute = (struct nlattr *)(message->bytes + message->length);

	attribute->nla_type = type;
	attribute->nla_len = (uint16_t)(NLA_HDRLEN + length);
	memcpy((uint8_t *)attribute + NLA_HDRLEN, payload, length);
	message->length += NLMSG_ALIGN(NLA_HDRLEN + length);
	peer_header(message)->nlmsg_len = (uint32_t)message->length;
}

static inline void peer_put_u32(struct peer_message *message, uint16_t type, uint32_t value)
{
	peer_put(message, type, &value, sizeof(value));
}

/* The kernel's answer: an errno or 0, and its text with NETLINK_EXT_ACK, or NULL. */
static inline void peer_answer(const struct nlmsghdr *request, int error, const char *text)
{
	const struct nlmsgerr body = {.error = -error, .msg = *request};
	struct peer_message message =
	    peer_message(NLMSG_ERROR, (uint16_t)(NLM_F_CAPPED | (text ? NLM_F_ACK_TLVS : 0)),
		request->nlmsg_seq, &body, sizeof(body));

	if (text)
		peer_put(&message, NLMSGERR_ATTR_MSG, text, strlen(text) + 1);
	peer_deliver(PEER_REQUESTS, message.bytes, message.length);
}

/* The end of a dump, with its result: 0 or a negative errno. */
static inline void peer_end_dump(const struct nlmsghdr *request, uint16_t flags, int result)
{
	struct peer_message message = peer_message(NLMSG_DONE, (uint16_t)(NLM_F_MULTI | flags),
	    request->nlmsg_seq, &result, sizeof(result));

	peer_header(&message)->nlmsg_pid = PEER_PORT + PEER_EVENTS;
	peer_deliver(PEER_EVENTS, message.bytes, message.length);
}

#endif
