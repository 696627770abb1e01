/*
 * Log lines to standard error, as text or JSON, one line per event.  A line begins with the
 * subject (a peer, an object, a file) that it is about.  Lines go through one function pointer so
 * that tests can read them.  No room below the speaker logs routes; errors travel up as values.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdarg.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVELS };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Receives one finished line without its newline. */
typedef void log_sink(void *arg, enum log_level level, const char *line);

struct log {
	enum log_level level; /* lines above it are dropped */
	enum log_format format;
	log_sink *sink; /* NULL: standard error */
	void *sink_arg;
};

/*
 * Writes one line; `subject` may be NULL.  Control characters in the text are made visible, so
 * nothing from the network can forge a line.
 */
void log_write(const struct log *log, enum log_level level, const char *subject, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

#endif
