/*
 * From a request to its response in five steps: addresses, TCP and TLS to one of them, the head, the
 * body, and then the open connection waits for the next request.  One timer watches over whichever
 * step is under way.
 *
 * A connection that was kept may be closed by the server just when it is used again.  If nothing of
 * the response has come by then, the request is made once more on a new connection, as RFC 9112
 * 9.3.1 allows where twice is the same as once: all that is asked here is of that kind.
 *
 * What libevent reads from a socket in one go is a TLS record, at most 16 kB: this is what a
 * callback has to work on, so a long list is cut into short turns without further doing.
 *
 * A peer that is gone without a word is found by the kernel: keepalive probes while there is
 * nothing to send, and a limit on how long what was sent may stay without an acknowledgement.
 */
#include "k8s/connection.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/resolver.h"
#include "k8s/tls.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

/* Of the name, or of one address with TCP and TLS. */
#define CONNECT_MS 10000
/* From the request to the head of the response. */
#define HEAD_MS 60000

/* Seconds of silence until the first probe, between probes; probes without an answer. */
enum { KEEPALIVE_IDLE = 20, KEEPALIVE_INTERVAL = 5, KEEPALIVE_PROBES = 3 };
/* Milliseconds in which what was sent must be acknowledged. */
enum { USER_TIMEOUT = 35000 };

enum step {
	STEP_CLOSED,
	STEP_RESOLVING,
	STEP_CONNECTING,
	STEP_HEAD,
	STEP_BODY,
	STEP_OPEN /* between requests */
};

struct k8s_connection {
	struct loop *loop;
	const struct k8s_connection_ops *ops;
	void *arg;
	struct k8s_access *access;
	enum step step;
	struct text request; /* as it is sent */
	uint32_t silence_ms;
	uint64_t total_ms;
	uint64_t deadline; /* of the body; 0: none */
	struct k8s_resolver *resolver;
	struct ip_address addresses[K8S_ADDRESSES_MAX];
	size_t address_count;
	size_t next_address;
	struct bufferevent *stream;
	bool reused; /* the request goes over a connection that had another one before */
	struct loop_timer timer;
	struct http_response response;
	char *server;
	struct error failure; /* of the last address */
};

static void close_stream(struct k8s_connection *connection)
{
	loop_timer_stop(&connection->timer);
	k8s_resolver_cancel(connection->resolver);
	if (connection->stream)
		bufferevent_free(connection->stream);
	connection->stream = NULL;
	connection->step = STEP_CLOSED;
}

/* The last that is done for a request: what the user does then is not known here. */
static void end_request(struct k8s_connection *connection, const char *failure)
{
	if (failure || connection->response.head.close)
		close_stream(connection);
	else
		connection->step = STEP_OPEN;
	loop_timer_stop(&connection->timer);
	connection->ops->done(connection->arg, failure);
}

__attribute__((format(printf, 2, 3))) static void fail(
    struct k8s_connection *connection, const char *format, ...)
{
	struct error error;
	va_list arguments;
	size_t length;

	length = (size_t)snprintf(error.text, sizeof(error.text), "%s: ", connection->server);
	va_start(arguments, format);
	if (length < sizeof(error.text))
		vsnprintf(error.text + length, sizeof(error.text) - length, format, arguments);
	va_end(arguments);
	end_request(connection, error.text);
}

/* Who is spoken to, for people. */
static void name_server(struct k8s_connection *connection, const struct ip_address *address)
{
	const struct k8s_server *server = &connection->access->server;
	const bool brackets = strchr(server->host, ':') != NULL;
	char address_text[IP_TEXT_MAX];
	struct text text = {NULL, 0, 0};

	text_append(&text, "%s%s%s:%u", brackets ? "[" : "", server->host, brackets ? "]" : "",
	    server->port);
	if (address && strcmp(ip_address_print(address, address_text), server->host))
		text_append(&text, " (%s)", address_text);
	free(connection->server);
	connection->server = text.string;
}

/* The steps, from the last to the first */

static void set_body_timer(struct k8s_connection *connection)
{
	const uint64_t now = loop_now(connection->loop);
	uint64_t wait = connection->silence_ms ? connection->silence_ms : UINT64_MAX;

	if (connection->deadline) {
		const uint64_t left = connection->deadline > now ? connection->deadline - now : 0;

		wait = left < wait ? left : wait;
	}
	if (wait != UINT64_MAX)
		loop_timer_start(&connection->timer, wait);
	else
		loop_timer_stop(&connection->timer);
}

void k8s_connection_limit_silence(struct k8s_connection *connection, uint32_t silence_ms)
{
	connection->silence_ms = silence_ms; /* the timer is set when the bytes at hand are read */
}

static void begin_body(struct k8s_connection *connection)
{
	connection->step = STEP_BODY;
	connection->deadline = 0;
	if (connection->total_ms)
		connection->deadline = loop_now(connection->loop) + connection->total_ms;
	connection->ops->head(connection->arg, &connection->response.head);
}

/*
 * Gives on what the bytes are of the response.  False if the request is over by that; then nothing
 * may be touched any more, for the user has been told.
 */
static bool take_bytes(struct k8s_connection *connection, const char *bytes, size_t length)
{
	struct http_response *response = &connection->response;
	size_t at = 0;

	while (true) {
		size_t used;
		const enum http_part part =
		    http_response_read(response, bytes + at, length - at, &used);

		at += used;
		switch (part) {
		case HTTP_MORE:
			return true;
		case HTTP_HEAD:
			begin_body(connection);
			break;
		case HTTP_BODY:
			if (connection->ops->body(
				connection->arg, response->piece, response->piece_length))
				break;
			end_request(connection, "the answer was given up");
			return false;
		case HTTP_END:
			/* What follows was not asked for; the next answer would be another's. */
			response->head.close = response->head.close || at < length;
			end_request(connection, NULL);
			return false;
		case HTTP_BAD:
			fail(connection, "%s", response->problem);
			return false;
		}
	}
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct k8s_connection *connection = arg;
	struct evbuffer *input = bufferevent_get_input(stream);
	bool goes_on = connection->step == STEP_HEAD || connection->step == STEP_BODY;
	size_t length;

	loop_begin_work(connection->loop, "the API server");
	if (!goes_on)
		close_stream(connection); /* nothing was asked */
	while (goes_on && (length = evbuffer_get_contiguous_space(input)) > 0) {
		goes_on = take_bytes(
		    connection, (const char *)evbuffer_pullup(input, (ev_ssize_t)length), length);
		if (goes_on || connection->stream == stream)
			evbuffer_drain(input, length);
	}
	if (goes_on && connection->step == STEP_BODY)
		set_body_timer(connection);
	loop_end_work(connection->loop);
}

static void send_request(struct k8s_connection *connection)
{
	connection->step = STEP_HEAD;
	connection->response = (struct http_response){0};
	bufferevent_write(
	    connection->stream, connection->request.string, connection->request.length);
	loop_timer_start(&connection->timer, HEAD_MS);
}

static void connect_next(struct k8s_connection *connection);

/* This address leads nowhere: the next one. */
static void address_failed(struct k8s_connection *connection)
{
	loop_timer_stop(&connection->timer);
	if (connection->stream)
		bufferevent_free(connection->stream);
	connection->stream = NULL;
	connect_next(connection);
}

static void look_up(struct k8s_connection *connection)
{
	connection->step = STEP_RESOLVING;
	connection->reused = false;
	loop_timer_start(&connection->timer, CONNECT_MS);
	k8s_resolver_look_up(connection->resolver, connection->access->server.host);
}

/* The connection has ended while a response was expected. */
static void response_ended(struct k8s_connection *connection, const struct error *error)
{
	const bool untouched = http_response_is_untouched(&connection->response);

	if (connection->step == STEP_BODY && http_response_close(&connection->response) && !error) {
		end_request(connection, NULL);
	} else if (untouched && connection->reused) {
		close_stream(connection);
		look_up(connection);
	} else {
		fail(connection, "%s", error ? error->text : "the connection was closed");
	}
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct k8s_connection *connection = arg;
	const int number = errno;
	struct error error;

	loop_begin_work(connection->loop, "the API server");
	if (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF | BEV_EVENT_TIMEOUT))
		k8s_tls_explain(bufferevent_openssl_get_ssl(stream),
		    bufferevent_get_openssl_error(stream), what & BEV_EVENT_ERROR ? number : 0,
		    &error);
	if (what & BEV_EVENT_CONNECTED) {
		send_request(connection);
	} else if (connection->step == STEP_CONNECTING) {
		connection->failure = error;
		address_failed(connection);
	} else if (connection->step == STEP_OPEN) {
		close_stream(connection);
	} else {
		response_ended(connection, what & BEV_EVENT_EOF ? NULL : &error);
	}
	loop_end_work(connection->loop);
}

static void set_socket_options(int fd)
{
	const int on = 1;
	const int idle = KEEPALIVE_IDLE;
	const int interval = KEEPALIVE_INTERVAL;
	const int probes = KEEPALIVE_PROBES;
	const int user_timeout = USER_TIMEOUT;

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* False and `failure` if it cannot even be begun. */
static bool begin_connecting(struct k8s_connection *connection, const struct ip_address *address)
{
	struct sockaddr_storage to;
	const size_t length =
	    ip_address_to_sockaddr(address, connection->access->server.port, 0, &to);
	SSL *tls = k8s_tls_new(connection->access, &connection->failure);

	if (!tls)
		return false;
	connection->stream = bufferevent_openssl_socket_new(loop_event_base(connection->loop), -1,
	    tls, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	if (!connection->stream) {
		SSL_free(tls);
		return error_set(&connection->failure, "libevent cannot use TLS");
	}
	/* A failure at once would be told twice, were the callbacks set before. */
	if (bufferevent_socket_connect(connection->stream, (struct sockaddr *)&to, (int)length) < 0)
		return error_set(&connection->failure, "%s", strerror(errno));
	bufferevent_setcb(connection->stream, on_read, NULL, on_event, connection);
	bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
	set_socket_options(bufferevent_getfd(connection->stream));
	connection->step = STEP_CONNECTING;
	loop_timer_start(&connection->timer, CONNECT_MS);
	return true;
}

static void connect_next(struct k8s_connection *connection)
{
	while (connection->next_address < connection->address_count) {
		const struct ip_address *address =
		    &connection->addresses[connection->next_address++];

		name_server(connection, address);
		if (begin_connecting(connection, address))
			return;
		if (connection->stream)
			bufferevent_free(connection->stream);
		connection->stream = NULL;
	}
	fail(connection, "%s", connection->failure.text);
}

static void resolved(
    void *arg, const struct ip_address *addresses, size_t count, const char *failure)
{
	struct k8s_connection *connection = arg;

	loop_name_work(connection->loop, "the API server");
	if (!count) {
		fail(connection, "the name cannot be resolved: %s", failure);
		return;
	}
	memcpy(connection->addresses, addresses, count * sizeof(*addresses));
	connection->address_count = count;
	connection->next_address = 0;
	connect_next(connection);
}

static void on_time(void *arg)
{
	struct k8s_connection *connection = arg;

	loop_name_work(connection->loop, "the API server");
	switch (connection->step) {
	case STEP_RESOLVING:
		k8s_resolver_cancel(connection->resolver);
		fail(connection, "the name cannot be resolved: no answer");
		break;
	case STEP_CONNECTING:
		error_set(
		    &connection->failure, "no connection within %d seconds", CONNECT_MS / 1000);
		address_failed(connection);
		break;
	case STEP_HEAD:
		fail(connection, "no answer within %d seconds", HEAD_MS / 1000);
		break;
	case STEP_BODY:
		fail(connection, "the answer does not go on");
		break;
	case STEP_CLOSED:
	case STEP_OPEN:
		break;
	}
}

static void write_request(struct k8s_connection *connection, const struct k8s_request *request)
{
	const struct k8s_access *access = connection->access;
	const struct k8s_server *server = &access->server;
	const bool brackets = strchr(server->host, ':') != NULL;
	struct text *text = &connection->request;

	text_clear(text);
	text_append(text, "%s %s%s HTTP/1.1\r\nHost: %s%s%s:%u\r\n",
	    request->method ? request->method : "GET", server->path, request->target,
	    brackets ? "[" : "", server->host, brackets ? "]" : "", server->port);
	text_append(text, "User-Agent: kbgpd/%s\r\nAccept: application/json\r\n", PACKAGE_VERSION);
	if (access->token)
		text_append(text, "Authorization: Bearer %s\r\n", access->token);
	if (request->body)
		text_append(text, "Content-Type: %s\r\nContent-Length: %zu\r\n",
		    request->content_type, strlen(request->body));
	text_append(text, "\r\n%s", request->body ? request->body : "");
}

struct k8s_connection *k8s_connection_new(
    struct loop *loop, const struct k8s_connection_ops *ops, void *arg)
{
	struct k8s_connection *connection = memory_allocate_zero(1, sizeof(*connection));

	connection->loop = loop;
	connection->ops = ops;
	connection->arg = arg;
	connection->resolver = k8s_resolver_new(loop, resolved, connection);
	loop_timer_init(loop, &connection->timer, on_time, connection);
	return connection;
}

void k8s_connection_free(struct k8s_connection *connection)
{
	if (!connection)
		return;
	close_stream(connection);
	k8s_resolver_free(connection->resolver);
	loop_timer_free(&connection->timer);
	k8s_access_free(connection->access);
	text_free(&connection->request);
	free(connection->server);
	free(connection);
}

void k8s_connection_request(
    struct k8s_connection *connection, struct k8s_access *access, const struct k8s_request *request)
{
	const bool reuse =
	    connection->step == STEP_OPEN && k8s_access_same_connection(connection->access, access);

	k8s_access_free(connection->access);
	connection->access = access;
	connection->silence_ms = request->silence_ms;
	connection->total_ms = request->total_ms;
	write_request(connection, request);
	if (reuse) {
		connection->reused = true;
		send_request(connection);
		return;
	}
	close_stream(connection);
	name_server(connection, NULL);
	look_up(connection);
}

void k8s_connection_close(struct k8s_connection *connection)
{
	close_stream(connection);
}

const struct k8s_access *k8s_connection_access(const struct k8s_connection *connection)
{
	return connection->access;
}

const char *k8s_connection_server(const struct k8s_connection *connection)
{
	return connection->server ? connection->server : "";
}
