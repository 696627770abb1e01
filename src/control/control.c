/*
 * The server of the control socket.  A connection reads one request, runs it, and then is a pump:
 * a deferred task makes a few items of the answer, sends what the socket takes, and comes again
 * in the next turn, or when the socket is writable, until the stream ends.  So an answer of a
 * million routes costs the loop no more than the share of a turn, and memory no more than the
 * output limit per connection, however slowly the client reads.
 *
 * Who may connect is decided by the mode of the socket.  A client that sends no request, too long
 * a one, or takes nothing for a minute is dropped; more connections than CONNECTIONS_MAX are told
 * so and closed.
 */
#include "control/control.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "control/answer.h"
#include "control/commands.h"

enum {
	CONNECTIONS_MAX = 64,
	ACCEPTS_PER_TURN = 8,
	REQUEST_MAX = 64 * 1024,
	WORDS_MAX = 64,
	OUTPUT_MAX = 256 * 1024, /* more is not made before the client has taken some */
	REQUEST_TIMEOUT_MS = 10000,
	STALL_TIMEOUT_MS = 60000,
	ACCEPT_PAUSE_MS = 1000
};

struct connection {
	struct connection *next;
	struct connection *previous;
	struct control *control;
	int fd;
	struct loop_watch watch;
	struct loop_timer timer; /* the request must have come, or some output gone */
	struct loop_task task; /* makes and sends output */
	struct text input;
	struct text output;
	size_t sent; /* of the output */
	struct answer answer;
	bool answering; /* the request has been read */
	bool waiting; /* the stream has nothing now */
	bool complete; /* all of the answer is in the output */
	bool input_ended; /* the client has gone, or only reads */
};

struct control {
	struct loop *loop;
	struct speaker *speaker;
	char *path;
	int fd;
	struct loop_watch watch;
	struct loop_timer pause; /* no accepting while the process is out of descriptors */
	struct connection *connections;
	unsigned connection_count;
};

static void connection_close(struct connection *connection)
{
	struct control *control = connection->control;

	loop_watch_stop(&connection->watch);
	loop_timer_free(&connection->timer);
	loop_task_cancel(control->loop, &connection->task);
	answer_release(&connection->answer);
	text_free(&connection->input);
	text_free(&connection->output);
	close(connection->fd);
	if (connection->next)
		connection->next->previous = connection->previous;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		control->connections = connection->next;
	control->connection_count--;
	free(connection);
}

static void connection_timed_out(void *arg)
{
	connection_close(arg);
}

/* Output */

/* Sends what the socket takes; false if the client is gone. */
static bool send_output(struct connection *connection)
{
	struct text *output = &connection->output;

	while (connection->sent < output->length) {
		const ssize_t length = send(connection->fd, output->string + connection->sent,
		    output->length - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		connection->sent += (size_t)length;
		loop_timer_start(&connection->timer, STALL_TIMEOUT_MS);
	}
	text_clear(output);
	connection->sent = 0;
	loop_timer_stop(&connection->timer);
	return true;
}

/* Drops what has been sent once it is the greater part. */
static void compact_output(struct connection *connection)
{
	struct text *output = &connection->output;
	const size_t left = output->length - connection->sent;

	if (connection->sent <= left)
		return;
	memmove(output->string, output->string + connection->sent, left);
	output->length = left;
	connection->sent = 0;
}

static void make_step(struct connection *connection)
{
	struct answer *answer = &connection->answer;

	switch (answer->stream->next(answer->state, &connection->output)) {
	case ANSWER_MORE:
		break;
	case ANSWER_WAIT:
		connection->waiting = true;
		break;
	case ANSWER_END:
		answer_print_end(answer, &connection->output);
		connection->complete = true;
		break;
	}
}

static void make_output(struct connection *connection)
{
	bool late = false;

	compact_output(connection);
	connection->waiting = false;
	while (!connection->complete && !connection->waiting && !late &&
	       connection->output.length - connection->sent < OUTPUT_MAX) {
		make_step(connection);
		late = loop_should_yield(connection->control->loop);
	}
}

/* The deferred task: the pump. */
static void connection_pump(void *arg)
{
	struct connection *connection = arg;
	bool pending;

	loop_name_work(connection->control->loop, "an answer to kbgpctl");
	make_output(connection);
	if (!send_output(connection)) {
		connection_close(connection);
		return;
	}
	pending = connection->sent < connection->output.length;
	if (!pending &&
	    (connection->complete || (connection->waiting && connection->input_ended))) {
		connection_close(connection);
		return;
	}
	loop_watch_set(&connection->watch,
	    (connection->watch.wanted & LOOP_READ) | (pending ? LOOP_WRITE : 0));
	if (pending && !loop_timer_is_running(&connection->timer))
		loop_timer_start(&connection->timer, STALL_TIMEOUT_MS);
	if (!pending && !connection->waiting)
		loop_task_schedule(connection->control->loop, &connection->task);
}

/* The socket is writable, or a waiting stream has something. */
static void connection_wake(void *arg)
{
	struct connection *connection = arg;

	loop_task_schedule(connection->control->loop, &connection->task);
}

/* Input */

/* The words of {"command": [...]}, borrowed from the value; 0: it is no such thing. */
static size_t request_words(const json_t *request, const char *words[static WORDS_MAX])
{
	const json_t *command = json_object_get(request, "command");
	const size_t count = json_array_size(command);

	if (count > WORDS_MAX)
		return 0;
	for (size_t i = 0; i < count; i++) {
		words[i] = json_string_value(json_array_get(command, i));
		if (!words[i])
			return 0;
	}
	return count;
}

static void run_request(struct connection *connection, size_t length)
{
	struct answer *answer = &connection->answer;
	json_error_t where;
	json_t *request = json_loadb(connection->input.string, length, 0, &where);
	const char *words[WORDS_MAX];
	const size_t count = request_words(request, words);

	answer->wake = connection_wake;
	answer->wake_arg = connection;
	if (count)
		commands_run(connection->control->speaker, words, count, answer);
	else
		answer_with_error(
		    answer, "the request is no line of JSON {\"command\": [\"WORD\", ...]}");
	json_decref(request);
	connection->answering = true;
	connection->complete = !answer->stream;
	answer_print_head(answer, &connection->output);
	loop_timer_stop(&connection->timer);
	loop_task_schedule(connection->control->loop, &connection->task);
}

static void refuse_long_request(struct connection *connection)
{
	answer_with_error(&connection->answer, "the request is longer than %d bytes", REQUEST_MAX);
	answer_print_head(&connection->answer, &connection->output);
	connection->answering = true;
	connection->complete = true;
	loop_task_schedule(connection->control->loop, &connection->task);
}

static void take_input(struct connection *connection, const char *bytes, size_t length)
{
	const char *newline = memchr(bytes, '\n', length);
	const size_t before = connection->input.length;

	if (before + length > REQUEST_MAX) {
		refuse_long_request(connection);
		return;
	}
	text_append_bytes(&connection->input, bytes, length);
	if (newline)
		run_request(connection, before + (size_t)(newline - bytes));
}

/* A request may end without its newline. */
static void end_input(struct connection *connection)
{
	if (!connection->answering && !connection->input.length) {
		connection_close(connection);
		return;
	}
	connection->input_ended = true;
	loop_watch_set(&connection->watch, connection->watch.wanted & LOOP_WRITE);
	if (!connection->answering)
		run_request(connection, connection->input.length);
	loop_task_schedule(connection->control->loop, &connection->task);
}

static void connection_readable(void *arg)
{
	struct connection *connection = arg;
	char bytes[4096];
	const ssize_t length = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	loop_name_work(connection->control->loop, "a request of kbgpctl");
	if (length < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			connection_close(connection);
		return;
	}
	if (!length)
		end_input(connection);
	else if (!connection->answering)
		take_input(connection, bytes, (size_t)length);
}

/* Connections */

static void refuse_connection(int fd)
{
	static const char refusal[] = "{\"ok\":false,\"error\":\"too many control connections\"}\n";

	/* Whether the client gets to see it is its own affair. */
	(void)!send(fd, refusal, sizeof(refusal) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void add_connection(struct control *control, int fd)
{
	struct connection *connection = memory_allocate_zero(1, sizeof(*connection));

	connection->control = control;
	connection->fd = fd;
	connection->next = control->connections;
	if (connection->next)
		connection->next->previous = connection;
	control->connections = connection;
	control->connection_count++;
	loop_task_init(&connection->task, connection_pump, connection);
	loop_timer_init(control->loop, &connection->timer, connection_timed_out, connection);
	loop_timer_start(&connection->timer, REQUEST_TIMEOUT_MS);
	loop_watch_start(control->loop, &connection->watch, fd, connection_readable,
	    connection_wake, connection);
}

static void pause_ended(void *arg)
{
	struct control *control = arg;

	loop_watch_set(&control->watch, LOOP_READ);
}

static void control_acceptable(void *arg)
{
	struct control *control = arg;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		const int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			loop_watch_set(&control->watch, 0);
			loop_timer_start(&control->pause, ACCEPT_PAUSE_MS);
		}
		if (fd < 0)
			return;
		if (control->connection_count < CONNECTIONS_MAX)
			add_connection(control, fd);
		else
			refuse_connection(fd);
	}
}

/* The listening socket */

/* Makes way for the new socket: a stale one is removed, one that answers is an error. */
static bool remove_stale_socket(const struct sockaddr_un *address, struct error *error)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat status;
	bool alive;

	if (fd < 0)
		return error_set(error, "%s: %s", address->sun_path, strerror(errno));
	alive = !connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN;
	close(fd);
	if (alive)
		return error_set(error, "%s: another kbgpd answers there; -s sets another socket",
		    address->sun_path);
	if (lstat(address->sun_path, &status) < 0)
		return true;
	if (!S_ISSOCK(status.st_mode))
		return error_set(error, "%s: is there and is no socket", address->sun_path);
	if (unlink(address->sun_path) < 0)
		return error_set(error, "%s: cannot replace the stale socket: %s",
		    address->sun_path, strerror(errno));
	return true;
}

/* Makes the last folder of the path if it is missing; binding tells if that was not enough. */
static void make_folder(const char *path)
{
	char *folder = memory_copy_string(path);
	char *slash = strrchr(folder, '/');

	if (slash && slash != folder) {
		*slash = '\0';
		mkdir(folder, 0755);
	}
	free(folder);
}

static bool open_socket(struct control *control, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t length = strlen(control->path);
	mode_t mask;
	int result;

	if (length >= sizeof(address.sun_path))
		return error_set(error, "%s: a socket's path has at most %zu bytes", control->path,
		    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, control->path, length + 1);
	make_folder(control->path);
	if (!remove_stale_socket(&address, error))
		return false;
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd < 0)
		return error_set(error, "%s: %s", control->path, strerror(errno));
	/* The mode is 0660 from the first moment on. */
	mask = umask(0117);
	result = bind(control->fd, (const struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (result < 0 || listen(control->fd, CONNECTIONS_MAX) < 0)
		return error_set(error, "%s: cannot listen: %s", control->path, strerror(errno));
	return true;
}

struct control *control_new(
    struct loop *loop, struct speaker *speaker, const char *path, struct error *error)
{
	struct control *control = memory_allocate_zero(1, sizeof(*control));

	control->loop = loop;
	control->speaker = speaker;
	control->path = memory_copy_string(path);
	control->fd = -1;
	if (!open_socket(control, error)) {
		error_prepend(error, "control socket");
		if (control->fd >= 0)
			close(control->fd);
		free(control->path);
		free(control);
		return NULL;
	}
	loop_timer_init(loop, &control->pause, pause_ended, control);
	loop_watch_start(loop, &control->watch, control->fd, control_acceptable, NULL, control);
	return control;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	for (struct connection *connection = control->connections, *next; connection;
	     connection = next) {
		next = connection->next;
		connection_close(connection);
	}
	loop_watch_stop(&control->watch);
	loop_timer_free(&control->pause);
	close(control->fd);
	unlink(control->path);
	free(control->path);
	free(control);
}
