/*
 * A state per line or run of bytes that may come next.  Lines are gathered in the struct, for they
 * may arrive byte by byte; the body is handed on as it lies in the caller's memory.
 *
 * Strict where a response could be read in two ways (two lengths, a transfer coding that is not
 * known), which also is where an endless list could look like a complete one.
 */
#include "k8s/http_response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum http_part fail(struct http_response *response, const char *problem)
{
	response->problem = problem;
	response->state = HTTP_BROKEN;
	return HTTP_BAD;
}

/* Takes bytes up to the end of a line; true if the line is there, without its end. */
static bool take_line(
    struct http_response *response, const char *bytes, size_t length, size_t *used)
{
	const char *end = memchr(bytes, '\n', length);
	const size_t taken = end ? (size_t)(end - bytes) + 1 : length;
	const size_t content = end ? taken - 1 : taken;

	*used = taken;
	response->line_bytes += taken;
	if (response->line_bytes > HTTP_HEAD_MAX ||
	    content >= HTTP_LINE_MAX - response->line_length) {
		fail(response, "a line or the head is too long");
		return false;
	}
	memcpy(response->line + response->line_length, bytes, content);
	response->line_length += content;
	if (!end)
		return false;
	if (response->line_length && response->line[response->line_length - 1] == '\r')
		response->line_length--;
	response->line[response->line_length] = '\0';
	if (strlen(response->line) != response->line_length)
		fail(response, "a line has a NUL byte");
	response->line_length = 0;
	return response->state != HTTP_BROKEN;
}

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* "HTTP/1.1 200 OK" */
static enum http_part read_status_line(struct http_response *response)
{
	const char *line = response->line;

	if (strncmp(line, "HTTP/1.", 7) || !is_digit(line[7]) || line[8] != ' ' ||
	    !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) ||
	    (line[12] && line[12] != ' '))
		return fail(response, "the answer is no HTTP/1.1");
	response->head.status = (unsigned)atoi(line + 9);
	response->head.close = line[7] == '0';
	response->state = HTTP_HEADER;
	return HTTP_MORE;
}

static bool parse_number(const char *text, unsigned base, uint64_t limit, uint64_t *number)
{
	char *end;

	if (!text[0] || text[0] == '-' || text[0] == '+' || text[0] == ' ')
		return false;
	if (base == 16 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return false;
	*number = strtoull(text, &end, (int)base);
	return (!*end || (base == 16 && strchr(" \t;", *end))) && *number <= limit;
}

/* True if the list of tokens (RFC 9110 5.6.1) has this one. */
static bool has_token(const char *list, const char *token)
{
	const size_t length = strlen(token);

	while (*list) {
		const size_t item = strcspn(list, ", \t");

		if (item == length && !strncasecmp(list, token, length))
			return true;
		list += item;
		list += strspn(list, ", \t");
	}
	return false;
}

static void read_content_length(struct http_response *response, const char *value)
{
	uint64_t length;

	if (!parse_number(value, 10, INT64_MAX, &length))
		fail(response, "Content-Length is no number");
	else if (response->has_length && response->left != length)
		fail(response, "Content-Length is there twice");
	else
		response->left = length;
	response->has_length = true;
}

static void read_transfer_encoding(struct http_response *response, const char *value)
{
	if (response->chunked || strcasecmp(value, "chunked"))
		fail(response, "Transfer-Encoding is not chunked");
	response->chunked = true;
}

static void read_content_encoding(struct http_response *response, const char *value)
{
	if (strcasecmp(value, "identity"))
		fail(response, "the body is compressed, which was not asked for");
}

static void read_connection(struct http_response *response, const char *value)
{
	if (has_token(value, "close"))
		response->head.close = true;
	else if (has_token(value, "keep-alive"))
		response->head.close = false;
}

static void read_retry_after(struct http_response *response, const char *value)
{
	uint64_t seconds;

	response->head.has_retry_after = parse_number(value, 10, UINT32_MAX, &seconds);
	if (response->head.has_retry_after)
		response->head.retry_after = (uint32_t)seconds;
}

static const struct {
	const char *name;
	void (*read)(struct http_response *, const char *);
} headers[] = {
    {"Content-Length", read_content_length},
    {"Transfer-Encoding", read_transfer_encoding},
    {"Content-Encoding", read_content_encoding},
    {"Connection", read_connection},
    {"Retry-After", read_retry_after},
};

/* Which state the head leads to (RFC 9112 6.3). */
static enum http_part end_head(struct http_response *response)
{
	const unsigned status = response->head.status;

	response->line_bytes = 0;
	if (status == 101)
		return fail(response, "the server changes the protocol, which was not asked for");
	if (status < 200) {
		/* An interim response: the real one follows. */
		*response = (struct http_response){.state = HTTP_STATUS_LINE};
		return HTTP_MORE;
	}
	if (status == 204 || status == 304)
		response->state = HTTP_COMPLETE;
	else if (response->chunked)
		response->state = HTTP_CHUNK_SIZE;
	else if (response->has_length)
		response->state = response->left ? HTTP_COUNTED : HTTP_COMPLETE;
	else
		response->state = HTTP_UNTIL_CLOSE;
	if (response->state == HTTP_UNTIL_CLOSE)
		response->head.close = true;
	return HTTP_HEAD;
}

static enum http_part read_header(struct http_response *response)
{
	char *colon = strchr(response->line, ':');
	char *value;

	if (!response->line[0])
		return end_head(response);
	if (!colon || colon == response->line || strchr(" \t", response->line[0]) ||
	    strchr(" \t", colon[-1]))
		return fail(response, "a header is malformed");
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (size_t end = strlen(value); end && strchr(" \t", value[end - 1]); end--)
		value[end - 1] = '\0';
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (!strcasecmp(response->line, headers[i].name))
			headers[i].read(response, value);
	}
	return response->state == HTTP_BROKEN ? HTTP_BAD : HTTP_MORE;
}

static enum http_part read_chunk_size(struct http_response *response)
{
	if (!parse_number(response->line, 16, INT64_MAX, &response->left))
		return fail(response, "the size of a chunk is no number");
	response->line_bytes = 0;
	response->state = response->left ? HTTP_CHUNK : HTTP_TRAILER;
	return HTTP_MORE;
}

static enum http_part read_chunk_end(struct http_response *response)
{
	if (response->line[0])
		return fail(response, "a chunk is longer than its size says");
	response->line_bytes = 0;
	response->state = HTTP_CHUNK_SIZE;
	return HTTP_MORE;
}

static enum http_part read_trailer(struct http_response *response)
{
	if (!response->line[0])
		response->state = HTTP_COMPLETE;
	return HTTP_MORE;
}

static enum http_part read_line(struct http_response *response)
{
	switch (response->state) {
	case HTTP_STATUS_LINE:
		return read_status_line(response);
	case HTTP_HEADER:
		return read_header(response);
	case HTTP_CHUNK_SIZE:
		return read_chunk_size(response);
	case HTTP_CHUNK_END:
		return read_chunk_end(response);
	default:
		return read_trailer(response);
	}
}

static enum http_part take_body(
    struct http_response *response, const char *bytes, size_t length, size_t *used)
{
	size_t taken = length;

	if (response->state != HTTP_UNTIL_CLOSE) {
		taken = length < response->left ? length : (size_t)response->left;
		response->left -= taken;
		if (!response->left)
			response->state =
			    response->state == HTTP_CHUNK ? HTTP_CHUNK_END : HTTP_COMPLETE;
	}
	response->piece = bytes;
	response->piece_length = taken;
	*used = taken;
	return HTTP_BODY;
}

enum http_part http_response_read(
    struct http_response *response, const char *bytes, size_t length, size_t *used)
{
	enum http_part part = HTTP_MORE;

	*used = 0;
	while (part == HTTP_MORE) {
		size_t taken = 0;
		const size_t left = length - *used;

		if (response->state == HTTP_COMPLETE)
			return HTTP_END;
		if (response->state == HTTP_BROKEN)
			return HTTP_BAD;
		if (!left)
			return HTTP_MORE;
		if (response->state == HTTP_COUNTED || response->state == HTTP_CHUNK ||
		    response->state == HTTP_UNTIL_CLOSE)
			part = take_body(response, bytes + *used, left, &taken);
		else if (take_line(response, bytes + *used, left, &taken))
			part = read_line(response);
		*used += taken;
	}
	return part;
}

bool http_response_close(struct http_response *response)
{
	if (response->state == HTTP_UNTIL_CLOSE)
		response->state = HTTP_COMPLETE;
	return response->state == HTTP_COMPLETE;
}

bool http_response_is_untouched(const struct http_response *response)
{
	return response->state == HTTP_STATUS_LINE && !response->line_bytes;
}
