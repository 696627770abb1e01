/*
 * Input.  A turn reads into a buffer on the stack and hands up the messages in place; only what
 * has not come in full, or finds no time left in the turn, is kept, in memory of its own size.  So
 * a neighbour that is silent costs no buffer at all, and a busy one no copy but that remainder.
 * It is bounded as little is read at once, and none before the messages that are kept.
 *
 * Output.  Buffers are queued by reference and leave together at the end of the turn, up to 128
 * with one system call, so the small messages of one turn share segments.  Who has more to come
 * queues without a flush: there is a system call when it is worth one, or when nothing more comes.
 * Writability is watched only while the kernel is full, or the turn had no more time.  A write
 * that fails is not reported at once: what the neighbour sent before it closed, most of all its
 * NOTIFICATION, is read first.
 *
 * End.  A close with unread input makes the kernel send RST, and the neighbour may then lose the
 * NOTIFICATION that it has not read yet.  So a connection that is finished sends the last message,
 * closes its own direction, throws away what comes, and ends with the neighbour's close or after
 * two seconds.  A session holds at most a few of these; one more ends the oldest.
 *
 * Callbacks may close the connection they are called for: `busy` counts the frames of this file on
 * the stack, and a connection that was closed is freed by the outermost.
 */
#include "bgp/connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "bgp/output_queue.h"
#include "bgp/transport.h"

/* Read at once: what takes some milliseconds to work through, and is kept if there is no time. */
#define INPUT_AT_ONCE (16 * 1024)
#define DISCARDED_PER_TURN (256 * 1024)
#define PIECES_MAX 128
/* So many bytes are worth a system call, and as many pieces as it takes. */
#define WORTH_A_CALL (16 * 1024)
#define CLOSING_MAX 4
#define CLOSING_MS 2000

/* What a turn works on. */
struct input {
	uint8_t bytes[BGP_EXTENDED_MESSAGE_MAX + INPUT_AT_ONCE]; /* a remainder, and one read */
	size_t at; /* before it all was handed up */
	size_t length;
	bool late; /* the turn has no more time */
};

struct bgp_connection {
	struct loop *loop;
	const struct bgp_connection_ops *ops;
	void *arg;
	int fd;
	bool is_up;
	bool extended;
	bool broken; /* nothing can be written any more */
	int failure; /* errno of the write that failed, reported when all has been read; or 0 */
	bool waiting; /* for the kernel to take more */
	bool closed; /* freed as soon as it is not busy */
	unsigned busy;
	struct loop_watch watch;
	struct loop_task flush;
	uint8_t *partial; /* what was read and not handed up; or NULL */
	size_t partial_length;
	struct bgp_output_queue output;
	uint64_t written; /* bytes that the kernel took */
	/* As it was at the last look, see bgp_connection_progress(). */
	uint64_t acknowledged; /* of these the neighbour */
	bool waits; /* something was not acknowledged */
	uint64_t progress;
	uint64_t heard;
	/* Only while closing: */
	struct bgp_closing_list *closing;
	struct bgp_connection *next;
	struct loop_timer patience;
};

static void leave_closing_list(struct bgp_connection *connection)
{
	struct bgp_connection **link = &connection->closing->first;

	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	connection->closing->count--;
	connection->closing = NULL;
}

static void enter(struct bgp_connection *connection)
{
	connection->busy++;
}

static void leave(struct bgp_connection *connection)
{
	if (!--connection->busy && connection->closed)
		free(connection);
}

void bgp_connection_close(struct bgp_connection *connection)
{
	if (!connection || connection->closed)
		return;
	enter(connection);
	connection->closed = true;
	if (connection->closing)
		leave_closing_list(connection);
	loop_watch_stop(&connection->watch);
	loop_task_cancel(connection->loop, &connection->flush);
	loop_timer_free(&connection->patience);
	bgp_output_queue_free(&connection->output);
	free(connection->partial);
	connection->partial = NULL;
	close(connection->fd);
	leave(connection);
}

/* Reads and throws away; true if the neighbour has closed or the connection is lost. */
static bool discard_input(struct bgp_connection *connection)
{
	uint8_t buffer[4096];
	ssize_t length = 1;

	for (size_t total = 0; length > 0 && total < DISCARDED_PER_TURN; total += (size_t)length)
		length = recv(connection->fd, buffer, sizeof(buffer), 0);
	return !length || (length < 0 && errno != EAGAIN && errno != EINTR);
}

static void fail(struct bgp_connection *connection, int code)
{
	loop_watch_set(&connection->watch, 0);
	connection->broken = true;
	connection->ops->failed(connection->arg, code);
}

/*
 * Hands up whole messages of the input until there are no more or the turn has no more time;
 * returns false if nothing is to be read any more.
 */
static bool hand_up(struct bgp_connection *connection, struct input *input)
{
	while (input->length - input->at >= BGP_HEADER_LENGTH && !input->late) {
		const uint8_t *bytes = input->bytes + input->at;
		struct bgp_notification notification;
		struct bgp_header header;

		if (!bgp_header_decode(bytes, connection->extended, &header, &notification)) {
			loop_watch_set(&connection->watch, 0);
			input->at = input->length;
			connection->ops->bad_header(connection->arg, &notification);
			return false;
		}
		if (header.length > input->length - input->at)
			break;
		connection->ops->message(connection->arg, &header,
		    (struct wire_span){
			bytes + BGP_HEADER_LENGTH, (size_t)header.length - BGP_HEADER_LENGTH});
		if (connection->closed || connection->closing)
			return false;
		input->at += header.length;
		input->late = loop_should_yield(connection->loop);
	}
	return true;
}

/* Begins with what the last turn has kept. */
static void take_partial(struct bgp_connection *connection, struct input *input)
{
	input->at = 0;
	input->late = false;
	input->length = connection->partial_length;
	if (input->length)
		memcpy(input->bytes, connection->partial, input->length);
	free(connection->partial);
	connection->partial = NULL;
	connection->partial_length = 0;
}

static void keep_partial(struct bgp_connection *connection, const struct input *input)
{
	if (input->at == input->length)
		return;
	connection->partial = memory_copy(input->bytes + input->at, input->length - input->at);
	connection->partial_length = input->length - input->at;
}

static bool is_readable(const struct bgp_connection *connection)
{
	return !connection->closed && !connection->closing;
}

/* Reads once behind what is left; false if there is no more for now. */
static bool read_more(struct bgp_connection *connection, struct input *input, int *error)
{
	size_t left = input->length - input->at;
	ssize_t length;

	if (left && input->at)
		memmove(input->bytes, input->bytes + input->at, left);
	input->at = 0;
	input->length = left;
	length = recv(connection->fd, input->bytes + left, INPUT_AT_ONCE, 0);
	if (length <= 0) {
		*error = length ? errno : 0;
		return false;
	}
	connection->heard = loop_now(connection->loop);
	input->length += (size_t)length;
	/* Less than there was room for: the kernel has no more. */
	return length == INPUT_AT_ONCE;
}

static void read_messages(struct bgp_connection *connection)
{
	struct input input;
	bool more = true;
	int error = EAGAIN;

	take_partial(connection, &input);
	while (hand_up(connection, &input) && more && !input.late)
		more = read_more(connection, &input, &error);
	if (!is_readable(connection))
		return;
	keep_partial(connection, &input);
	if (input.late) {
		loop_watch_repeat(&connection->watch);
	} else if (connection->failure || (error != EAGAIN && error != EINTR)) {
		fail(connection, connection->failure ? connection->failure : error);
		return;
	}
	connection->ops->idle(connection->arg);
}

static void on_readable(void *arg)
{
	struct bgp_connection *connection = arg;

	if (connection->closing) {
		if (discard_input(connection))
			bgp_connection_close(connection);
		return;
	}
	enter(connection);
	loop_name_work(connection->loop, "messages from a neighbour");
	read_messages(connection);
	leave(connection);
}

/* What the neighbour said before it closed comes first: it is read in the next turn. */
static void write_failed(struct bgp_connection *connection, int code)
{
	connection->broken = true;
	bgp_output_queue_free(&connection->output);
	if (connection->closing) {
		bgp_connection_close(connection);
		return;
	}
	connection->failure = code;
	loop_watch_set(&connection->watch, LOOP_READ);
	loop_watch_repeat(&connection->watch);
}

static void wait_for_kernel(struct bgp_connection *connection, bool wait)
{
	if (wait == connection->waiting)
		return;
	connection->waiting = wait;
	loop_watch_set(&connection->watch, wait ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* Gives the kernel what it takes; returns false if nothing can be written any more. */
static bool write_output(struct bgp_connection *connection)
{
	struct iovec pieces[PIECES_MAX];
	bool late = false;

	while (connection->output.bytes && !late) {
		struct msghdr message = {.msg_iov = pieces,
		    .msg_iovlen = bgp_output_queue_gather(&connection->output, pieces, PIECES_MAX)};
		ssize_t length = sendmsg(connection->fd, &message, MSG_NOSIGNAL);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN)
			break;
		if (length < 0) {
			write_failed(connection, errno);
			return false;
		}
		bgp_output_queue_consume(&connection->output, (size_t)length);
		connection->written += (uint64_t)length;
		late = loop_should_yield(connection->loop);
	}
	wait_for_kernel(connection, connection->output.bytes > 0);
	return true;
}

static void flush(struct bgp_connection *connection)
{
	if (connection->broken || !connection->is_up || !connection->output.bytes)
		return;
	if (!write_output(connection) || connection->output.bytes)
		return;
	if (connection->closing)
		shutdown(connection->fd, SHUT_WR);
	else
		connection->ops->drained(connection->arg);
}

static void on_flush(void *arg)
{
	struct bgp_connection *connection = arg;

	enter(connection);
	loop_name_work(connection->loop, "output to a neighbour");
	flush(connection);
	leave(connection);
}

static void finish_connecting(struct bgp_connection *connection)
{
	int code = bgp_transport_error(connection->fd);

	if (code) {
		fail(connection, code);
		return;
	}
	connection->is_up = true;
	connection->waiting = false;
	loop_watch_set(&connection->watch, LOOP_READ);
	connection->ops->connected(connection->arg);
}

static void on_writable(void *arg)
{
	struct bgp_connection *connection = arg;

	enter(connection);
	if (!connection->is_up)
		finish_connecting(connection);
	else
		flush(connection);
	leave(connection);
}

struct bgp_connection *bgp_connection_new(
    struct loop *loop, int fd, bool is_up, const struct bgp_connection_ops *ops, void *arg)
{
	struct bgp_connection *connection = memory_allocate_zero(1, sizeof(*connection));

	connection->loop = loop;
	connection->fd = fd;
	connection->is_up = is_up;
	connection->waiting = !is_up;
	connection->ops = ops;
	connection->arg = arg;
	loop_task_init(&connection->flush, on_flush, connection);
	loop_watch_start(loop, &connection->watch, fd, on_readable, on_writable, connection);
	loop_watch_set(&connection->watch, is_up ? LOOP_READ : LOOP_WRITE);
	return connection;
}

void bgp_connection_push(struct bgp_connection *connection)
{
	if (connection->output.bytes && connection->is_up && !connection->waiting)
		loop_task_schedule(connection->loop, &connection->flush);
}

void bgp_connection_queue(struct bgp_connection *connection, struct shared_buffer *buffer)
{
	if (connection->broken || connection->closed)
		return;
	if (!connection->output.bytes && !connection->waits)
		connection->progress = loop_now(connection->loop);
	bgp_output_queue_put(&connection->output, buffer);
	if (connection->output.bytes >= WORTH_A_CALL || connection->output.count >= PIECES_MAX)
		bgp_connection_push(connection);
}

void bgp_connection_send(struct bgp_connection *connection, struct shared_buffer *buffer)
{
	bgp_connection_queue(connection, buffer);
	bgp_connection_push(connection);
}

static void lose_patience(void *arg)
{
	bgp_connection_close(arg);
}

static struct bgp_connection *oldest(const struct bgp_closing_list *closing)
{
	struct bgp_connection *connection = closing->first;

	while (connection->next)
		connection = connection->next;
	return connection;
}

void bgp_connection_finish(
    struct bgp_connection *connection, struct shared_buffer *last, struct bgp_closing_list *closing)
{
	if (connection->broken || !connection->is_up) {
		bgp_connection_close(connection);
		return;
	}
	enter(connection);
	if (closing->count == CLOSING_MAX)
		bgp_connection_close(oldest(closing));
	connection->closing = closing;
	connection->next = closing->first;
	closing->first = connection;
	closing->count++;
	loop_timer_init(connection->loop, &connection->patience, lose_patience, connection);
	loop_timer_start(&connection->patience, CLOSING_MS);
	loop_task_cancel(connection->loop, &connection->flush);
	loop_watch_set(&connection->watch, LOOP_READ);
	connection->waiting = false;
	free(connection->partial);
	connection->partial = NULL;
	bgp_output_queue_cut(&connection->output);
	bgp_output_queue_put(&connection->output, last);
	flush(connection);
	leave(connection);
}

void bgp_closing_list_free(struct bgp_closing_list *closing)
{
	for (struct bgp_connection *connection = closing->first, *next; connection;
	     connection = next) {
		next = connection->next;
		/* What came in unread would make the kernel reset the connection. */
		(void)discard_input(connection);
		bgp_connection_close(connection);
	}
}

size_t bgp_connection_queued(const struct bgp_connection *connection)
{
	return connection->output.bytes;
}

size_t bgp_connection_queue_memory(const struct bgp_connection *connection)
{
	return bgp_output_queue_memory(&connection->output);
}

uint64_t bgp_connection_progress(struct bgp_connection *connection)
{
	uint64_t acknowledged = connection->written;
	int outstanding = 0;

	/* What the kernel holds says nothing of a neighbour that takes nothing (RFC 9687). */
	if (!ioctl(connection->fd, SIOCOUTQ, &outstanding))
		acknowledged -= (uint64_t)outstanding;
	connection->waits = outstanding || connection->output.bytes;
	if (!connection->waits || acknowledged > connection->acknowledged)
		connection->progress = loop_now(connection->loop);
	connection->acknowledged = acknowledged;
	return connection->progress;
}

uint64_t bgp_connection_heard(const struct bgp_connection *connection)
{
	return connection->heard;
}

void bgp_connection_set_extended(struct bgp_connection *connection, bool extended)
{
	connection->extended = extended;
}

int bgp_connection_fd(const struct bgp_connection *connection)
{
	return connection->fd;
}
