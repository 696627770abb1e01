/*
 * Writes rtnetlink messages: a header, the header of its kind, attributes.  All numbers but
 * addresses are in host order, so base/wire.h does not fit; this is its counterpart for netlink,
 * with the same sticky error.  Called by route_message.c and next_hop_message.c.
 *
 *   nlmsghdr | rtmsg or the like | attribute | attribute | ..     each padded to 4 octets
 */
#ifndef FIB_MESSAGE_WRITER_H
#define FIB_MESSAGE_WRITER_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* Starts with the bytes, which are the caller's and aligned for a nlmsghdr, and their number. */
struct message_writer {
	uint8_t *bytes;
	size_t size;
	size_t length;
	bool failed;
};

/* Zeroed room, padded to the alignment of netlink; NULL and the sticky error if there is none. */
void *message_writer_reserve(struct message_writer *writer, size_t size);
/* Writes the head of an attribute and returns where its payload goes; NULL as above. */
void *message_writer_put_attribute(struct message_writer *writer, uint16_t type, size_t length);
void message_writer_put_u32(struct message_writer *writer, uint16_t type, uint32_t value);
/* The octets of an address of the family. */
void message_writer_put_address(struct message_writer *writer, uint16_t type, enum ip_family family,
    const uint8_t bytes[static 16]);
/* Puts the length into the header that the message begins with. */
struct nlmsghdr *message_writer_finish(const struct message_writer *writer);

/* AF_INET or AF_INET6. */
uint8_t message_socket_family(enum ip_family family);
/* False: neither of the two. */
bool message_parse_family(unsigned socket_family, enum ip_family *family);

#endif
