/*
 * One epoll set, level-triggered; a socket is watched for writing only while something waits to be
 * written.  All sessions are read into one buffer: what they keep of it is less than a message, and
 * mostly nothing.
 *
 * Connections are begun a few at a time, as a daemon's queue of those that it has not accepted yet
 * may be short, and what does not fit into it is tried again by the kernel only after a second: a
 * thousand at once would measure that.  One that does not answer soon does not hold up the others.
 * A daemon that refuses a connection, or closes it before the session is Established, is called
 * again a little later; all the rest that ends a session ends the program.
 */
#include "load_network.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "load_clock.h"
#include "load_fail.h"

#define INPUT_SIZE (256u * 1024)
#define EVENTS 64
#define UNANSWERED_MAX 8
#define UNANSWERED_SECONDS 0.01 /* until one more may be */
#define RETRY_SECONDS 0.01 /* at first, then always twice as long */
#define RETRY_SECONDS_MAX 0.1
#define SWEEP_SECONDS 1.0

void load_network_init(struct load_network *network, const struct load_options *options,
    const struct load_handler *handler, void *arg)
{
	*network = (struct load_network){.options = options,
	    .handler = handler,
	    .arg = arg,
	    .count = options->senders + options->receivers,
	    .epoll = epoll_create1(EPOLL_CLOEXEC)};
	if (network->epoll < 0)
		load_fail("epoll: %s", strerror(errno));
	network->sessions = memory_allocate_zero(network->count, sizeof *network->sessions);
	network->waiting = memory_allocate_zero(network->count, sizeof *network->waiting);
	network->input = memory_allocate(INPUT_SIZE);
	for (uint32_t number = 0; number < network->count; number++)
		load_session_init(&network->sessions[number], options, number);
}

void load_network_free(struct load_network *network)
{
	for (uint32_t number = 0; number < network->count; number++) {
		if (network->sessions[number].fd >= 0)
			close(network->sessions[number].fd);
		load_session_free(&network->sessions[number]);
	}
	close(network->epoll);
	free(network->sessions);
	free(network->waiting);
	free(network->input);
}

static void watch(struct load_network *network, struct load_session *session)
{
	uint32_t events = (session->stalled ? 0u : (uint32_t)EPOLLIN) |
			  (load_session_output(session).length ? (uint32_t)EPOLLOUT : 0u);
	struct epoll_event event = {.events = events, .data.ptr = session};

	if (events != session->events &&
	    epoll_ctl(network->epoll, EPOLL_CTL_MOD, session->fd, &event) < 0)
		load_fail("epoll: %s", strerror(errno));
	session->events = events;
}

/* Connections: */

static void set_unanswered(
    struct load_network *network, struct load_session *session, bool unanswered)
{
	network->unanswered += (uint32_t)unanswered - (uint32_t)session->unanswered;
	session->unanswered = unanswered;
}

static void wait_to_connect(
    struct load_network *network, struct load_session *session, double connect_at)
{
	uint32_t last = (network->waiting_first + network->waiting_count++) % network->count;

	session->connect_at = connect_at;
	network->waiting[last] = session->number;
}

void load_network_connect(struct load_network *network, struct load_session *session)
{
	session->retry_delay = RETRY_SECONDS;
	wait_to_connect(network, session, load_clock());
}

void load_network_close(struct load_network *network, struct load_session *session)
{
	close(session->fd);
	session->fd = -1;
	set_unanswered(network, session, false);
	load_session_end(session);
}

/* The daemon does not want it yet. */
static void try_again(struct load_network *network, struct load_session *session)
{
	load_network_close(network, session);
	wait_to_connect(network, session, load_clock() + session->retry_delay);
	session->retry_delay = 2 * session->retry_delay < RETRY_SECONDS_MAX
				   ? 2 * session->retry_delay
				   : RETRY_SECONDS_MAX;
}

static int open_socket(const struct load_options *options, uint32_t number)
{
	struct ip_address address = load_options_address(options, options->transport, number);
	struct sockaddr_storage local;
	size_t length = ip_address_to_sockaddr(&address, 0, 0, &local);
	int fd = socket(local.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0)
		load_fail("socket: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&local, (socklen_t)length) < 0)
		load_fail("the address of session %u: %s", number, strerror(errno));
	return fd;
}

static void begin_connection(struct load_network *network, struct load_session *session)
{
	const struct load_options *options = network->options;
	struct epoll_event event = {.data.ptr = session};
	struct sockaddr_storage remote;
	struct ip_address target = load_options_target(options, session->number);
	size_t length = ip_address_to_sockaddr(&target, BGP_PORT, 0, &remote);

	session->fd = open_socket(options, session->number);
	session->events = 0;
	set_unanswered(network, session, true);
	network->connected_at = load_clock();
	if (epoll_ctl(network->epoll, EPOLL_CTL_ADD, session->fd, &event) < 0)
		load_fail("epoll: %s", strerror(errno));
	if (connect(session->fd, (struct sockaddr *)&remote, (socklen_t)length) < 0 &&
	    errno != EINPROGRESS) {
		try_again(network, session);
		return;
	}
	load_session_begin(session);
	watch(network, session);
}

/* When the next connection may begin. */
static double next_connection(const struct load_network *network)
{
	double at, more;

	if (!network->waiting_count)
		return 1e300;
	at = network->sessions[network->waiting[network->waiting_first]].connect_at;
	more = network->connected_at + UNANSWERED_SECONDS;
	return network->unanswered >= UNANSWERED_MAX && more > at ? more : at;
}

static void begin_connections(struct load_network *network)
{
	while (next_connection(network) <= load_clock()) {
		uint32_t number = network->waiting[network->waiting_first];

		network->waiting_first = (network->waiting_first + 1) % network->count;
		network->waiting_count--;
		begin_connection(network, &network->sessions[number]);
	}
}

/* Reading and writing: */

void load_network_send(
    struct load_network *network, struct load_session *session, struct wire_span messages)
{
	load_session_send(session, messages);
	watch(network, session);
}

void load_network_stall(struct load_network *network, struct load_session *session, bool stalled)
{
	session->stalled = stalled;
	session->heard_at = load_clock();
	watch(network, session);
}

static void lose(struct load_network *network, struct load_session *session, const char *why)
{
	if (session->state == BGP_STATE_ESTABLISHED)
		load_session_fail(session, why);
	try_again(network, session);
}

/* False if there is no connection any more. */
static bool read_session(struct load_network *network, struct load_session *session)
{
	ssize_t got;

	if (session->partial_length)
		memcpy(network->input, session->partial, session->partial_length);
	got = read(session->fd, network->input + session->partial_length,
	    INPUT_SIZE - session->partial_length);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0) {
		lose(network, session, got ? strerror(errno) : "the daemon closed the session");
		return false;
	}
	if (!load_session_take(session, network->input, session->partial_length + (size_t)got,
		load_clock(), network->handler, network->arg)) {
		try_again(network, session);
		return false;
	}
	if (session->state > BGP_STATE_OPEN_SENT)
		set_unanswered(network, session, false);
	return true;
}

static bool write_session(struct load_network *network, struct load_session *session)
{
	struct wire_span output;

	while ((output = load_session_output(session)).length) {
		ssize_t put = send(session->fd, output.bytes, output.length, MSG_NOSIGNAL);

		if (put < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (put < 0) {
			lose(network, session, strerror(errno));
			return false;
		}
		load_session_wrote(session, (size_t)put);
	}
	network->handler->drained(network->arg, session);
	return true;
}

static void handle_event(struct load_network *network, const struct epoll_event *event)
{
	struct load_session *session = event->data.ptr;

	if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !read_session(network, session))
		return;
	if (event->events & EPOLLOUT && !write_session(network, session))
		return;
	watch(network, session);
	network->handler->moved(network->arg, session);
}

/* Keepalives go out after a third of the hold time, and up to a quarter earlier (RFC 4271 10). */
static void keep_alive(struct load_network *network, struct load_session *session, double now)
{
	double third = session->hold_time / 3.0;

	if (!session->stalled && now > session->heard_at + session->hold_time)
		load_session_fail(session, "nothing came from the daemon for the hold time");
	if (now < session->keepalive_at)
		return;
	if (session->keepalive_at > 0 && !load_session_output(session).length)
		load_session_keep_alive(session);
	session->keepalive_at = now + third * (0.75 + session->number % 64 / 256.0);
	watch(network, session);
}

static void sweep(struct load_network *network, double now)
{
	if (now < network->sweep_at)
		return;
	network->sweep_at = now + SWEEP_SECONDS;
	for (uint32_t number = 0; number < network->count; number++)
		if (network->sessions[number].state == BGP_STATE_ESTABLISHED &&
		    network->sessions[number].hold_time)
			keep_alive(network, &network->sessions[number], now);
}

void load_network_turn(struct load_network *network, double until)
{
	struct epoll_event events[EVENTS];
	double now = load_clock();
	int count;

	begin_connections(network);
	sweep(network, now);
	if (until > network->sweep_at)
		until = network->sweep_at;
	if (until > next_connection(network))
		until = next_connection(network);
	count = epoll_wait(
	    network->epoll, events, EVENTS, until > now ? (int)((until - now) * 1000) + 1 : 0);
	for (int i = 0; i < count; i++)
		if (events[i].data.ptr)
			handle_event(network, &events[i]);
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) > 0;
}

void load_network_wait_for(struct load_network *network, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	if (epoll_ctl(network->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return;
	while (!is_readable(fd))
		load_network_turn(network, load_clock() + SWEEP_SECONDS);
	epoll_ctl(network->epoll, EPOLL_CTL_DEL, fd, NULL);
}
