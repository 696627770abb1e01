#include "fib/message_writer.h"

#include <string.h>
#include <sys/socket.h>

void *message_writer_reserve(struct message_writer *writer, size_t size)
{
	const size_t padded = NLMSG_ALIGN(size);
	uint8_t *at = writer->bytes + writer->length;

	if (writer->failed || writer->size - writer->length < padded) {
		writer->failed = true;
		return NULL;
	}
	memset(at, 0, padded);
	writer->length += padded;
	return at;
}

void *message_writer_put_attribute(struct message_writer *writer, uint16_t type, size_t length)
{
	struct nlattr *attribute = message_writer_reserve(writer, NLA_HDRLEN + length);

	if (!attribute)
		return NULL;
	attribute->nla_type = type;
	attribute->nla_len = (uint16_t)(NLA_HDRLEN + length);
	return (uint8_t *)attribute + NLA_HDRLEN;
}

void message_writer_put_u32(struct message_writer *writer, uint16_t type, uint32_t value)
{
	void *payload = message_writer_put_attribute(writer, type, sizeof(value));

	if (payload)
		memcpy(payload, &value, sizeof(value));
}

void message_writer_put_address(struct message_writer *writer, uint16_t type, enum ip_family family,
    const uint8_t bytes[static 16])
{
	const size_t length = ip_family_bits(family) / 8;
	void *payload = message_writer_put_attribute(writer, type, length);

	if (payload)
		memcpy(payload, bytes, length);
}

struct nlmsghdr *message_writer_finish(const struct message_writer *writer)
{
	struct nlmsghdr *header = (struct nlmsghdr *)writer->bytes;

	header->nlmsg_len = (uint32_t)writer->length;
	return header;
}

uint8_t message_socket_family(enum ip_family family)
{
	return family == IPV4 ? AF_INET : AF_INET6;
}

bool message_parse_family(unsigned socket_family, enum ip_family *family)
{
	*family = socket_family == AF_INET ? IPV4 : IPV6;
	return socket_family == AF_INET || socket_family == AF_INET6;
}
