/*
 * Three pages over libevent's HTTP server, which does the protocol.  Each family has a socket of
 * its own (IPV6_V6ONLY), so that a node without IPv6 still listens on IPv4.  Everything is answered
 * from memory, the metrics in a task that makes them part by part.  Requests are bounded in size,
 * idle connections in time.  Of the metrics, which of thousands of peers are megabytes, there are
 * only so many pages at once: each counts from the request until the client has taken it all.
 *
 * When the process is out of descriptors a listener rests, for the kernel would report the same
 * connection again and again.  Libevent gives its error callback no argument of ours, so a timer
 * that always runs ends the rest.
 */
#include "control/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/memory.h"
#include "base/text.h"
#include "control/metrics.h"

enum { HEADERS_MAX = 8192, IDLE_SECONDS = 30, BACKLOG = 32, REST_MS = 1000, PAGES_MAX = 16 };

#define METHOD_NOT_ALLOWED 405

struct control_http {
	struct loop *loop;
	const struct speaker *speaker;
	struct evhttp *server;
	struct evconnlistener *listeners[IP_FAMILIES];
	size_t listener_count;
	struct loop_timer rest;
	struct metrics_page *pages; /* that are being made, or sent */
	size_t page_count;
};

/* Metrics on their way to the one who asked. */
struct metrics_page {
	struct control_http *http;
	struct metrics_page *next;
	struct evhttp_request *request;
	struct loop_task task;
	struct metrics_cursor cursor;
	struct text text;
};

/* Pages */

static void reply(struct evhttp_request *request, int code, const char *type, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	if (!body) {
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
		return;
	}
	evbuffer_add(body, text, strlen(text));
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
	evhttp_send_reply(request, code, NULL, body);
	evbuffer_free(body);
}

static void reply_text(struct evhttp_request *request, int code, const char *text)
{
	reply(request, code, "text/plain; charset=utf-8", text);
}

/* It is not in the list any more. */
static void release_page(struct metrics_page *page)
{
	loop_task_cancel(page->http->loop, &page->task);
	text_free(&page->text);
	free(page);
}

static void free_page(struct metrics_page *page)
{
	struct metrics_page **link = &page->http->pages;

	while (*link != page)
		link = &(*link)->next;
	*link = page->next;
	page->http->page_count--;
	release_page(page);
}

/* The connection has nothing to do with the page any more. */
static void leave_connection(const struct metrics_page *page)
{
	evhttp_connection_set_closecb(evhttp_request_get_connection(page->request), NULL, NULL);
}

static void connection_closed(struct evhttp_connection *connection, void *arg)
{
	(void)connection;
	free_page(arg);
}

static void page_sent(struct evhttp_request *request, void *arg)
{
	(void)request;
	leave_connection(arg);
	free_page(arg);
}

/* The page goes when it was sent, or with its connection; that may be before this returns. */
static void send_page(struct metrics_page *page)
{
	struct text text = page->text;

	page->text = (struct text){NULL, 0, 0};
	evhttp_request_set_on_complete_cb(page->request, page_sent, page);
	reply(page->request, HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text.string);
	text_free(&text);
}

static void make_page(void *arg)
{
	struct metrics_page *page = arg;
	struct loop *loop = page->http->loop;

	loop_name_work(loop, "metrics");
	while (metrics_print_some(page->http->speaker, &page->cursor, &page->text)) {
		if (loop_should_yield(loop)) {
			loop_task_schedule(loop, &page->task);
			return;
		}
	}
	send_page(page);
}

static void show_metrics(struct control_http *http, struct evhttp_request *request)
{
	struct metrics_page *page;

	if (http->page_count == PAGES_MAX) {
		reply_text(request, HTTP_SERVUNAVAIL, "too many ask for the metrics at once\n");
		return;
	}
	page = memory_allocate_zero(1, sizeof(*page));
	page->http = http;
	page->request = request;
	page->next = http->pages;
	http->pages = page;
	http->page_count++;
	loop_task_init(&page->task, make_page, page);
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(request), connection_closed, page);
	loop_task_schedule(http->loop, &page->task);
}

/* That it answers is the proof: the event loop turns. */
static void show_health(struct control_http *http, struct evhttp_request *request)
{
	(void)http;
	reply_text(request, HTTP_OK, "ok\n");
}

/* It may be what a server has said. */
static void append_missing(struct text *text, const char *what)
{
	text_append(text, "not ready: ");
	text_append_visible(text, what);
	text_append(text, "\n");
}

static void show_readiness(struct control_http *http, struct evhttp_request *request)
{
	struct error missing[SPEAKER_MISSING_MAX];
	const size_t count = speaker_missing(http->speaker, missing);
	struct text text = {NULL, 0, 0};

	for (size_t i = 0; i < count; i++)
		append_missing(&text, missing[i].text);
	if (count)
		reply_text(request, HTTP_SERVUNAVAIL, text.string);
	else
		reply_text(request, HTTP_OK, "ready\n");
	text_free(&text);
}

static const struct page {
	const char *path;
	void (*show)(struct control_http *http, struct evhttp_request *request);
} pages[] = {
    {"/metrics", show_metrics},
    {"/healthz", show_health},
    {"/readyz", show_readiness},
};

static void choose_page(struct control_http *http, struct evhttp_request *request)
{
	const enum evhttp_cmd_type method = evhttp_request_get_command(request);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
		reply_text(request, METHOD_NOT_ALLOWED, "only GET\n");
		return;
	}
	for (size_t i = 0; path && i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (!strcmp(path, pages[i].path)) {
			pages[i].show(http, request);
			return;
		}
	}
	reply_text(request, HTTP_NOTFOUND, "not found; there are /metrics, /healthz and /readyz\n");
}

static void answer_request(struct evhttp_request *request, void *arg)
{
	struct control_http *http = arg;

	loop_begin_work(http->loop, "a page over HTTP");
	choose_page(http, request);
	loop_end_work(http->loop);
}

/* Sockets */

static int open_socket(const struct ip_address *address, uint16_t port)
{
	struct sockaddr_storage to;
	const size_t length = ip_address_to_sockaddr(address, port, 0, &to);
	const int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->family == IPV6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&to, (socklen_t)length) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		const int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

static void accept_failed(struct evconnlistener *listener, void *server)
{
	(void)server;
	evconnlistener_disable(listener);
}

static void end_rest(void *arg)
{
	struct control_http *http = arg;

	for (size_t i = 0; i < http->listener_count; i++)
		evconnlistener_enable(http->listeners[i]);
	loop_timer_start(&http->rest, REST_MS);
}

static bool listen_on(struct control_http *http, const struct ip_address *address, uint16_t port)
{
	const int fd = open_socket(address, port);
	struct evhttp_bound_socket *bound;
	struct evconnlistener *listener;

	if (fd < 0)
		return false;
	bound = evhttp_accept_socket_with_handle(http->server, fd);
	if (!bound) {
		close(fd);
		errno = ENOMEM;
		return false;
	}
	listener = evhttp_bound_socket_get_listener(bound);
	evconnlistener_set_error_cb(listener, accept_failed);
	http->listeners[http->listener_count++] = listener;
	return true;
}

/* A family that this host does not have is passed over, as long as the other one is there. */
static bool listen_on_all(struct control_http *http, uint16_t port)
{
	const struct ip_address any[IP_FAMILIES] = {{.family = IPV4}, {.family = IPV6}};
	bool listening = false;

	for (enum ip_family family = 0; family < IP_FAMILIES; family++) {
		if (listen_on(http, &any[family], port))
			listening = true;
		else if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
			return false;
	}
	return listening;
}

struct control_http *control_http_new(struct loop *loop, const struct speaker *speaker,
    const char *address, uint16_t port, struct error *error)
{
	struct control_http *http = memory_allocate_zero(1, sizeof(*http));
	struct ip_address parsed;
	bool listening;

	http->loop = loop;
	http->speaker = speaker;
	loop_timer_init(loop, &http->rest, end_rest, http);
	loop_timer_start(&http->rest, REST_MS);
	http->server = evhttp_new(loop_event_base(loop));
	if (!http->server)
		abort();
	evhttp_set_max_headers_size(http->server, HEADERS_MAX);
	evhttp_set_max_body_size(http->server, HEADERS_MAX);
	evhttp_set_timeout(http->server, IDLE_SECONDS);
	evhttp_set_allowed_methods(http->server, UINT16_MAX);
	evhttp_set_gencb(http->server, answer_request, http);
	errno = EINVAL;
	if (!*address)
		listening = listen_on_all(http, port);
	else
		listening = ip_address_parse(address, &parsed) && listen_on(http, &parsed, port);
	if (!listening) {
		error_set(error, "metrics.listen: cannot listen on %s port %u: %s",
		    *address ? address : "any address", port, strerror(errno));
		control_http_free(http);
		return NULL;
	}
	return http;
}

void control_http_free(struct control_http *http)
{
	struct metrics_page *page;

	if (!http)
		return;
	loop_timer_free(&http->rest);
	while ((page = http->pages)) {
		http->pages = page->next;
		leave_connection(page);
		release_page(page);
	}
	evhttp_free(http->server);
	free(http);
}
