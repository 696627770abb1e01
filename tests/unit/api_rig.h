/*
 * An API server that says what the test has written: HTTPS on the loopback, in the process and the
 * loop of the test, with a certificate authority, keys and a service account made for it.  Each
 * request must be the next one of the script, or the next that it fits, and gets its answer; what
 * comes after the last one waits for ever.
 */
#ifndef TESTS_UNIT_API_RIG_H
#define TESTS_UNIT_API_RIG_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/text.h"
#include "clock.h"
#include "k8s/access.h"

#define RIG_CONNECTIONS 64

enum rig_way {
	RIG_WHOLE, /* counted, and the connection stays open */
	RIG_STREAM, /* chunked, and goes on with rig_send() */
	RIG_CUT, /* half of it, and the connection is closed */
	RIG_BYTE_BY_BYTE, /* chunked, a byte each */
	RIG_RAW, /* `body` is the response */
	RIG_HANG_UP, /* nothing, and the connection is closed */
};

struct rig_step {
	const char *expect; /* in the request */
	const char *also; /* likewise, if it is not NULL */
	const char *body;
	enum rig_way way;
	unsigned status; /* 0: 200 */
	const char *headers; /* lines, or NULL */
};

struct api_rig {
	struct loop *loop;
	SSL_CTX *tls;
	struct evconnlistener *listener;
	struct bufferevent *connections[RIG_CONNECTIONS];
	size_t connection_count; /* ever */
	struct bufferevent *stream; /* the last one that got RIG_STREAM */
	struct bufferevent *streams[RIG_CONNECTIONS]; /* by step */
	uint16_t port;
	const struct rig_step *steps;
	size_t step_count;
	size_t step; /* next; how many were asked for */
	bool in_any_order; /* a request is for the first step that it fits */
	uint64_t played; /* bits, of the first of these steps */
	struct text unexpected; /* a request that was not that of its step */
	char folder[64];
	char *authority; /* PEM */
	char *client_certificate;
	char *client_key;
	EVP_PKEY *authority_key;
	X509 *authority_certificate;
	char port_text[8];
	struct k8s_access_settings access;
};

static inline char *rig_pem(BIO *bio)
{
	char *bytes;
	const long length = BIO_get_mem_data(bio, &bytes);
	struct text text = {NULL, 0, 0};

	text_append_bytes(&text, bytes, (size_t)length);
	BIO_free(bio);
	return text.string;
}

static inline char *rig_certificate_pem(X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(bio, certificate);
	return rig_pem(bio);
}

static inline char *rig_key_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	return rig_pem(bio);
}

static inline void rig_extend(X509 *certificate, int what, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, what, value);

	assert_non_null(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

/* Signed by `issuer`, or by itself; `names` as "DNS:a,IP:b", or NULL for an authority. */
static inline X509 *rig_certificate(
    const char *name, EVP_PKEY *key, const char *names, X509 *issuer, EVP_PKEY *issuer_key)
{
	static long serial = 1;
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
	rig_extend(certificate, NID_basic_constraints, names ? "CA:FALSE" : "critical,CA:TRUE");
	if (names && names[0])
		rig_extend(certificate, NID_subject_alt_name, names);
	assert_true(X509_sign(certificate, issuer_key ? issuer_key : key, EVP_sha256()) > 0);
	return certificate;
}

static inline void rig_write_file(const struct api_rig *rig, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* The server's certificate is for these names from the next connection on. */
static inline void rig_serve_names(struct api_rig *rig, const char *names)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate =
	    rig_certificate("server", key, names, rig->authority_certificate, rig->authority_key);

	assert_int_equal(SSL_CTX_use_certificate(rig->tls, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(rig->tls, key), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static inline void rig_send_chunk(struct bufferevent *to, const char *bytes, size_t length)
{
	evbuffer_add_printf(bufferevent_get_output(to), "%zx\r\n", length);
	bufferevent_write(to, bytes, length);
	bufferevent_write(to, "\r\n", 2);
}

/* More of the stream that the step has begun. */
static inline void rig_send_to(struct api_rig *rig, size_t step, const char *text)
{
	assert_non_null(rig->streams[step]);
	rig_send_chunk(rig->streams[step], text, strlen(text));
}

/* More of the last stream; rig_end() ends it. */
static inline void rig_send(struct api_rig *rig, const char *text)
{
	assert_non_null(rig->stream);
	rig_send_chunk(rig->stream, text, strlen(text));
}

static inline void rig_end(struct api_rig *rig)
{
	bufferevent_write(rig->stream, "0\r\n\r\n", 5);
	rig->stream = NULL;
}

static inline void rig_close(struct api_rig *rig, struct bufferevent *connection)
{
	for (size_t i = 0; i < RIG_CONNECTIONS; i++) {
		if (rig->connections[i] == connection)
			rig->connections[i] = NULL;
	}
	if (rig->stream == connection)
		rig->stream = NULL;
	for (size_t i = 0; i < RIG_CONNECTIONS; i++) {
		if (rig->streams[i] == connection)
			rig->streams[i] = NULL;
	}
	bufferevent_free(connection);
}

static inline void rig_close_all(struct api_rig *rig)
{
	for (size_t i = 0; i < RIG_CONNECTIONS; i++) {
		if (rig->connections[i])
			rig_close(rig, rig->connections[i]);
	}
}

static inline void rig_flush(struct bufferevent *connection, void *arg)
{
	if (!evbuffer_get_length(bufferevent_get_output(connection)))
		rig_close(arg, connection);
}

static inline void rig_read(struct bufferevent *connection, void *arg);
static inline void rig_event(struct bufferevent *connection, short what, void *arg)
{
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		rig_close(arg, connection);
}

static inline void rig_answer(
    struct api_rig *rig, struct bufferevent *connection, const struct rig_step *step)
{
	struct evbuffer *output = bufferevent_get_output(connection);
	const size_t length = step->body ? strlen(step->body) : 0;
	const bool chunked = step->way == RIG_STREAM || step->way == RIG_BYTE_BY_BYTE;

	if (step->way == RIG_HANG_UP) {
		rig_close(rig, connection);
		return;
	}
	if (step->way == RIG_RAW) {
		bufferevent_write(connection, step->body, length);
		return;
	}
	evbuffer_add_printf(output, "HTTP/1.1 %u Said\r\n%s", step->status ? step->status : 200,
	    step->headers ? step->headers : "");
	if (chunked)
		evbuffer_add_printf(output, "Transfer-Encoding: chunked\r\n\r\n");
	else
		evbuffer_add_printf(output, "Content-Length: %zu\r\n\r\n", length);
	for (size_t i = 0; step->way == RIG_BYTE_BY_BYTE && i < length; i++)
		rig_send_chunk(connection, step->body + i, 1);
	if (step->way == RIG_BYTE_BY_BYTE)
		bufferevent_write(connection, "0\r\n\r\n", 5);
	if (step->way == RIG_STREAM) {
		rig->stream = connection;
		rig->streams[step - rig->steps] = connection;
		if (length)
			rig_send(rig, step->body);
	} else if (!chunked) {
		bufferevent_write(
		    connection, step->body, step->way == RIG_CUT ? length / 2 : length);
	}
	if (step->way == RIG_CUT)
		bufferevent_setcb(connection, rig_read, rig_flush, rig_event, rig);
}

static inline bool rig_fits(const struct rig_step *step, const char *request)
{
	return strstr(request, step->expect) && (!step->also || strstr(request, step->also));
}

/* NULL: there is none any more. */
static inline const struct rig_step *rig_next_step(struct api_rig *rig, const char *request)
{
	size_t next = rig->step;

	if (rig->in_any_order) {
		for (next = 0; next < rig->step_count; next++) {
			if (!(rig->played >> next & 1) && rig_fits(&rig->steps[next], request))
				break;
		}
	}
	if (next >= rig->step_count)
		return NULL;
	rig->step++;
	rig->played |= next < 64 ? UINT64_C(1) << next : 0;
	if (!rig_fits(&rig->steps[next], request))
		text_append(&rig->unexpected, "step %zu wants \"%s\" \"%s\", not: %s\n", next + 1,
		    rig->steps[next].expect, rig->steps[next].also ? rig->steps[next].also : "",
		    request);
	return &rig->steps[next];
}

/* Bytes of the request with its body; 0: they are not all there. */
static inline size_t rig_request_length(struct evbuffer *input)
{
	const struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	struct text head = {NULL, 0, 0};
	const char *found;
	size_t length;

	if (end.pos < 0)
		return 0;
	length = (size_t)end.pos + 4;
	text_append_bytes(&head, (const char *)evbuffer_pullup(input, -1), length);
	found = strstr(head.string, "\r\nContent-Length: ");
	if (found)
		length += strtoul(found + 18, NULL, 10);
	text_free(&head);
	return evbuffer_get_length(input) < length ? 0 : length;
}

static inline void rig_read(struct bufferevent *connection, void *arg)
{
	struct api_rig *rig = arg;
	struct evbuffer *input = bufferevent_get_input(connection);
	const size_t length = rig_request_length(input);
	struct text request = {NULL, 0, 0};
	const struct rig_step *step;

	if (!length)
		return;
	text_append_bytes(&request, (const char *)evbuffer_pullup(input, -1), length);
	evbuffer_drain(input, length);
	step = rig_next_step(rig, request.string);
	if (step)
		rig_answer(rig, connection, step);
	text_free(&request);
}

static inline void rig_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *from, int length, void *arg)
{
	struct api_rig *rig = arg;
	struct bufferevent *connection = bufferevent_openssl_socket_new(loop_event_base(rig->loop),
	    fd, SSL_new(rig->tls), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)from;
	(void)length;
	for (size_t i = 0; i < RIG_CONNECTIONS; i++) {
		if (!rig->connections[i]) {
			rig->connections[i] = connection;
			break;
		}
	}
	rig->connection_count++;
	bufferevent_setcb(connection, rig_read, NULL, rig_event, rig);
	bufferevent_enable(connection, EV_READ | EV_WRITE);
}

/* On a port that is free, or that of before; false if the machine has no such address. */
static inline bool rig_listen_on(struct api_rig *rig, const char *address)
{
	struct sockaddr_storage at;
	struct ip_address parsed;
	socklen_t length;

	assert_true(ip_address_parse(address, &parsed));
	length = (socklen_t)ip_address_to_sockaddr(&parsed, rig->port, 0, &at);
	rig->listener = evconnlistener_new_bind(loop_event_base(rig->loop), rig_accept, rig,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC, 16,
	    (struct sockaddr *)&at, (int)length);
	if (!rig->listener)
		return false;
	length = sizeof(at);
	getsockname(evconnlistener_get_fd(rig->listener), (struct sockaddr *)&at, &length);
	ip_address_from_sockaddr((struct sockaddr *)&at, &parsed, &rig->port, NULL);
	snprintf(rig->port_text, sizeof(rig->port_text), "%u", rig->port);
	return true;
}

static inline void rig_listen(struct api_rig *rig)
{
	assert_true(rig_listen_on(rig, "127.0.0.1"));
}

/* The server is gone until rig_listen(), with every connection. */
static inline void rig_stop_listening(struct api_rig *rig)
{
	evconnlistener_free(rig->listener);
	rig->listener = NULL;
	rig_close_all(rig);
}

static inline void rig_make_authority(struct api_rig *rig)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *client;

	rig->authority_key = EVP_EC_gen("P-256");
	rig->authority_certificate =
	    rig_certificate("authority", rig->authority_key, NULL, NULL, NULL);
	rig->authority = rig_certificate_pem(rig->authority_certificate);
	client = rig_certificate("node", key, "", rig->authority_certificate, rig->authority_key);
	rig->client_certificate = rig_certificate_pem(client);
	rig->client_key = rig_key_pem(key);
	X509_free(client);
	EVP_PKEY_free(key);
}

static inline struct api_rig *rig_new(void)
{
	struct api_rig *rig = memory_allocate_zero(1, sizeof(*rig));

	/* As in the daemon: OpenSSL writes to sockets without MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	rig->loop = loop_new();
	strcpy(rig->folder, "/tmp/kbgpd-test-XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	rig_make_authority(rig);
	rig->tls = SSL_CTX_new(TLS_server_method());
	rig_serve_names(rig, "IP:127.0.0.1,DNS:localhost");
	rig_write_file(rig, "ca.crt", rig->authority);
	rig_write_file(rig, "token", "first-token\n");
	rig_write_file(rig, "namespace", "kbgpd-system");
	rig_listen(rig);
	rig->access = (struct k8s_access_settings){.service_account = rig->folder,
	    .service_host = "127.0.0.1",
	    .service_port = rig->port_text};
	return rig;
}

static inline void rig_free(struct api_rig *rig)
{
	static const char *const files[] = {"ca.crt", "token", "namespace", "kubeconfig"};
	char path[128];

	if (rig->listener)
		evconnlistener_free(rig->listener);
	rig_close_all(rig);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", rig->folder, files[i]);
		unlink(path);
	}
	rmdir(rig->folder);
	SSL_CTX_free(rig->tls);
	X509_free(rig->authority_certificate);
	EVP_PKEY_free(rig->authority_key);
	free(rig->authority);
	free(rig->client_certificate);
	free(rig->client_key);
	text_free(&rig->unexpected);
	loop_free(rig->loop);
	free(rig);
}

static inline void rig_play(struct api_rig *rig, const struct rig_step *steps, size_t count)
{
	rig->steps = steps;
	rig->step_count = count;
	rig->step = 0;
	rig->played = 0;
	memset(rig->streams, 0, sizeof(rig->streams));
}

/* Runs until the condition holds; fails if it does not within a number of turns. */
#define rig_run_until(rig, condition)                                                          \
	do {                                                                                   \
		for (int turn = 0; turn < 30000 && !(condition); turn++)                       \
			loop_run_once((rig)->loop, 1);                                         \
		if ((rig)->unexpected.length)                                                  \
			fail_msg("%s", (rig)->unexpected.string);                              \
		if (!(condition))                                                              \
			fail_msg("it never happened: %s (step %zu)", #condition, (rig)->step); \
	} while (0)

#endif
