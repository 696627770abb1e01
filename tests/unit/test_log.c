/*
 * Log lines in both formats, through the sink and on standard error.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

/* Takes each line, with a newline behind it. */
static void collect(void *arg, enum log_level level, const char *line)
{
	struct text *lines = arg;

	(void)level;
	text_append(lines, "%s\n", line);
}

/* Checks that `text` has the form of a time, "2026-01-02T03:04:05.678Z"; returns what follows. */
static const char *skip_time(const char *text)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";

	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'd')
			assert_in_range(text[i], '0', '9');
		else
			assert_int_equal(text[i], form[i]);
	}
	return text + strlen(form);
}

static void text_line_has_time_level_subject_message(void **state)
{
	struct text lines = {0};
	const struct log log = {LOG_LEVEL_INFO, LOG_FORMAT_TEXT, collect, &lines};

	(void)state;
	log_write(&log, LOG_LEVEL_INFO, "tor-a", "up after %d s", 3);
	assert_string_equal(skip_time(lines.string), " info tor-a: up after 3 s\n");
	text_clear(&lines);
	log_write(&log, LOG_LEVEL_ERROR, NULL, "no subject");
	assert_string_equal(skip_time(lines.string), " error no subject\n");
	text_free(&lines);
}

static void json_line_has_the_same_as_an_object(void **state)
{
	static const char start[] = "{\"time\":\"";
	struct text lines = {0};
	const struct log log = {LOG_LEVEL_DEBUG, LOG_FORMAT_JSON, collect, &lines};

	(void)state;
	log_write(&log, LOG_LEVEL_WARNING, "tor \"a\"", "line\nbreak");
	assert_memory_equal(lines.string, start, strlen(start));
	assert_string_equal(skip_time(lines.string + strlen(start)),
	    "\",\"level\":\"warning\",\"subject\":\"tor \\\"a\\\"\","
	    "\"message\":\"line\\nbreak\"}\n");
	text_clear(&lines);
	log_write(&log, LOG_LEVEL_DEBUG, NULL, "none");
	assert_string_equal(skip_time(lines.string + strlen(start)),
	    "\",\"level\":\"debug\",\"message\":\"none\"}\n");
	text_free(&lines);
}

static void levels_above_the_chosen_one_are_dropped(void **state)
{
	(void)state;
	for (int chosen = 0; chosen < LOG_LEVELS; chosen++) {
		struct text lines = {0};
		const struct log log = {(enum log_level)chosen, LOG_FORMAT_TEXT, collect, &lines};
		int count = 0;

		for (int level = 0; level < LOG_LEVELS; level++)
			log_write(&log, (enum log_level)level, NULL, "event");
		for (size_t i = 0; i < lines.length; i++)
			count += lines.string[i] == '\n';
		assert_int_equal(count, chosen + 1);
		text_free(&lines);
	}
}

static void foreign_text_cannot_forge_a_line(void **state)
{
	struct text lines = {0};
	const struct log log = {LOG_LEVEL_INFO, LOG_FORMAT_TEXT, collect, &lines};

	(void)state;
	log_write(&log, LOG_LEVEL_INFO, "peer\n1", "%s", "bye\n2026 error all is lost\x1b[2J");
	assert_string_equal(
	    skip_time(lines.string), " info peer\\x0a1: bye\\x0a2026 error all is lost\\x1b[2J\n");
	text_free(&lines);
}

static void errno_survives(void **state)
{
	struct text lines = {0};
	const struct log log = {LOG_LEVEL_INFO, LOG_FORMAT_TEXT, collect, &lines};

	(void)state;
	errno = ENOENT;
	log_write(&log, LOG_LEVEL_INFO, NULL, "event");
	assert_int_equal(errno, ENOENT);
	text_free(&lines);
}

static void without_a_sink_one_write_goes_to_standard_error(void **state)
{
	const struct log log = {LOG_LEVEL_INFO, LOG_FORMAT_TEXT, NULL, NULL};
	const int saved = dup(STDERR_FILENO);
	char line[256] = {0};
	ssize_t length;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_write(&log, LOG_LEVEL_INFO, "tor-a", "event");
	log_write(&log, LOG_LEVEL_DEBUG, "tor-a", "dropped");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	length = read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	assert_true(length > 0);
	assert_string_equal(skip_time(line), " info tor-a: event\n");
}

/* Fills standard error, a pipe that nobody reads; the next line must not wait for a reader. */
static void reader_that_stopped_does_not_stop_us(void **state)
{
	const struct log log = {.level = LOG_LEVEL_INFO};
	const int saved = dup(STDERR_FILENO);
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], "x", 1) == 1)
		;
	assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
	dup2(ends[1], STDERR_FILENO);
	alarm(10); /* waiting would end the test program */
	log_write(&log, LOG_LEVEL_ERROR, "peer", "down");
	alarm(0);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_line_has_time_level_subject_message),
	    cmocka_unit_test(json_line_has_the_same_as_an_object),
	    cmocka_unit_test(levels_above_the_chosen_one_are_dropped),
	    cmocka_unit_test(foreign_text_cannot_forge_a_line),
	    cmocka_unit_test(errno_survives),
	    cmocka_unit_test(without_a_sink_one_write_goes_to_standard_error),
	    cmocka_unit_test(reader_that_stopped_does_not_stop_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
