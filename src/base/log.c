/*
 * One event, one line, one write(): lines of several processes on one pipe do not mix, and nothing
 * is lost in a buffer when the daemon dies.  The cost is a system call a line, which is fine for a
 * log that has no line per route.
 *
 *	2026-01-02T03:04:05.678Z info tor-a: session established
 *	{"time":"2026-01-02T03:04:05.678Z","level":"info","subject":"tor-a","message":"..."}
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

static const char *const level_names[LOG_LEVELS] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

static void append_time(struct text *line)
{
	struct timespec now;
	struct tm utc;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
	text_append(line, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

static void append_text_line(
    struct text *line, enum log_level level, const char *subject, const char *message)
{
	append_time(line);
	text_append(line, " %s ", level_names[level]);
	if (subject) {
		text_append_visible(line, subject);
		text_append(line, ": ");
	}
	text_append_visible(line, message);
}

static void append_json_line(
    struct text *line, enum log_level level, const char *subject, const char *message)
{
	text_append(line, "{\"time\":\"");
	append_time(line);
	text_append(line, "\",\"level\":\"%s\"", level_names[level]);
	if (subject) {
		text_append(line, ",\"subject\":");
		text_append_json_string(line, subject);
	}
	text_append(line, ",\"message\":");
	text_append_json_string(line, message);
	text_append(line, "}");
}

/*
 * A reader of the log that has stopped must not stop the sessions: a line that standard error
 * cannot take now is lost.  A pipe that is ready takes PIPE_BUF bytes, which nearly every line is shorter than.
 */
static void write_line(struct text *line)
{
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t written;

	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
		return;
	text_append(line, "\n");
	do {
		written = write(STDERR_FILENO, line->string, line->length);
	} while (written < 0 && errno == EINTR);
}

void log_write(
    const struct log *log, enum log_level level, const char *subject, const char *format, ...)
{
	const int saved_errno = errno;
	struct text message = {0};
	struct text line = {0};
	va_list arguments;

	if (level > log->level)
		return;
	va_start(arguments, format);
	text_append_list(&message, format, arguments);
	va_end(arguments);
	if (log->format == LOG_FORMAT_JSON)
		append_json_line(&line, level, subject, message.string);
	else
		append_text_line(&line, level, subject, message.string);
	if (log->sink)
		log->sink(log->sink_arg, level, line.string);
	else
		write_line(&line);
	text_free(&message);
	text_free(&line);
	errno = saved_errno;
}
