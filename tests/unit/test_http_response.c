/*
 * Responses taken apart, in one piece and byte by byte: the three ways in which a body ends, heads
 * that matter, and what is refused (RFC 9112).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "k8s/http_response.h"

/* "200 [body]" with "." at the end if it is complete, "~" if it is with the connection's end. */
static void read_all(
    const char *input, size_t piece, struct http_response *response, struct text *result)
{
	const size_t length = strlen(input);
	enum http_part part = HTTP_MORE;
	size_t at = 0;

	while (at < length && part != HTTP_END && part != HTTP_BAD) {
		const size_t given = length - at < piece ? length - at : piece;
		size_t done = 0;

		do {
			size_t used;

			part = http_response_read(response, input + at + done, given - done, &used);
			done += used;
			if (part == HTTP_HEAD)
				text_append(result, "%u ", response->head.status);
			if (part == HTTP_BODY)
				text_append_bytes(result, response->piece, response->piece_length);
		} while (part == HTTP_HEAD || part == HTTP_BODY);
		at += done;
	}
	if (part == HTTP_END)
		text_append(result, ".");
	else if (part == HTTP_BAD)
		text_append(result, "<%s>", response->problem);
	else if (http_response_close(response))
		text_append(result, "~");
}

static void assert_read(const char *input, const char *expected)
{
	for (size_t piece = 1; piece < 200; piece += 66) {
		struct http_response *response = calloc(1, sizeof(*response));
		struct text result = {0};

		text_append(&result, "%s", "");
		read_all(input, piece, response, &result);
		if (strcmp(result.string, expected))
			fail_msg("%s\ngives %s instead of %s", input, result.string, expected);
		text_free(&result);
		free(response);
	}
}

static void test_the_ways_in_which_a_body_ends(void **state)
{
	(void)state;
	assert_read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello.");
	assert_read("HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", "200 .");
	assert_read("HTTP/1.1 200\n\nall of it", "200 all of it~");
	assert_read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\n1A;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: 1\r\n\r\n",
	    "200 abcabcdefghijklmnopqrstuvwxyz.");
	assert_read("HTTP/1.1 204 No Content\r\n\r\n", "204 .");
	/* Chunks count more than the length (RFC 9112 6.3). */
	assert_read("HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: Chunked\r\n\r\n"
		    "1\r\na\r\n0\r\n\r\n",
	    "200 a.");
	assert_read("HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\n"
		    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
	    "200 x.");
}

static void test_what_is_not_complete(void **state)
{
	(void)state;
	assert_read("", "");
	assert_read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "200 hell");
	assert_read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "200 abc");
	assert_read(
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "200 abc");
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *head;
		const char *expected;
	} cases[] = {
	    {"HTTP/2 200\r\n", "<the answer is no HTTP/1.1>"},
	    {"SSH-2.0-OpenSSH\r\n", "<the answer is no HTTP/1.1>"},
	    {"HTTP/1.1 2000 OK\r\n", "<the answer is no HTTP/1.1>"},
	    {"HTTP/1.1 101 Switching\r\n\r\n",
		"<the server changes the protocol, which was not asked for>"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", "<Content-Length is no number>"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n", "<Content-Length is no number>"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
		"<Content-Length is no number>"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
		"<Content-Length is there twice>"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
		"<Transfer-Encoding is not chunked>"},
	    {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
		"<the body is compressed, which was not asked for>"},
	    {"HTTP/1.1 200 OK\r\nno colon\r\n", "<a header is malformed>"},
	    {"HTTP/1.1 200 OK\r\nName : x\r\n", "<a header is malformed>"},
	    {"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n", "<a header is malformed>"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"200 <the size of a chunk is no number>"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
		"200 <the size of a chunk is no number>"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
		"200 a<a chunk is longer than its size says>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_read(cases[i].head, cases[i].expected);
}

static void test_lines_and_heads_are_limited(void **state)
{
	struct text input = {0};

	(void)state;
	text_append(&input, "HTTP/1.1 200 OK\r\nX: ");
	for (int i = 0; i < HTTP_LINE_MAX; i++)
		text_append(&input, "x");
	assert_read(input.string, "<a line or the head is too long>");
	text_clear(&input);
	text_append(&input, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < HTTP_HEAD_MAX / 8; i++)
		text_append(&input, "X: abc\r\n");
	assert_read(input.string, "<a line or the head is too long>");
	text_free(&input);
}

static void test_what_a_head_says(void **state)
{
	static const struct {
		const char *head;
		bool close;
		bool has_retry_after;
		uint32_t retry_after;
	} cases[] = {
	    {"HTTP/1.1 429 No\r\nContent-Length: 0\r\nRetry-After: 12\r\n\r\n", false, true, 12},
	    {"HTTP/1.1 429 No\r\nContent-Length: 0\r\nRetry-After: soon\r\n\r\n", false, false, 0},
	    {"HTTP/1.1 200 No\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n", true, false,
		0},
	    {"HTTP/1.0 200 No\r\nContent-Length: 0\r\n\r\n", true, false, 0},
	    {"HTTP/1.0 200 No\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false, false,
		0},
	    {"HTTP/1.1 200 No\r\n\r\n", true, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_response *response = calloc(1, sizeof(*response));
		struct text result = {0};

		assert_true(http_response_is_untouched(response));
		read_all(cases[i].head, 1000, response, &result);
		assert_false(http_response_is_untouched(response));
		assert_int_equal(response->head.close, cases[i].close);
		assert_int_equal(response->head.has_retry_after, cases[i].has_retry_after);
		assert_int_equal(response->head.retry_after, cases[i].retry_after);
		text_free(&result);
		free(response);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_ways_in_which_a_body_ends),
	    cmocka_unit_test(test_what_is_not_complete),
	    cmocka_unit_test(test_what_is_refused),
	    cmocka_unit_test(test_lines_and_heads_are_limited),
	    cmocka_unit_test(test_what_a_head_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
