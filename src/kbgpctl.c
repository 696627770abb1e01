/*
 * kbgpctl: sends its words to the daemon and shows the answer, as a table or as JSON.  It knows
 * the names of the commands only to list them; what is right or wrong about a request is for the
 * daemon to say.  Rows are shown as they come, so that an answer of any size needs no memory here.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "kbgpctl/client.h"
#include "kbgpctl/format.h"
#include "kbgpctl/view.h"

#define DEFAULT_SOCKET "/run/kbgpd/kbgpd.sock"

enum exit_status { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* The lines of the usage; the daemon's own table is in control/commands.c. */
static const struct command {
	const char *name;
	const char *synopsis;
	const char *help;
} commands[] = {
    {"status", "", "the daemon on one page"},
    {"peers", "[NAME|ADDRESS]", "the peers, or everything about one"},
    {"routes", "[PREFIX] [--peer P|--received P|--advertised P] [--family ipv4|ipv6]",
	"the routes, or one prefix with every path"},
    {"advertisements", "", "what this node announces, what it does not, and why"},
    {"fib", "", "what is installed in the kernel"},
    {"nexthops", "", "the next hops and how they resolve"},
    {"bfd", "", "BFD sessions"},
    {"clear", "P|all [--soft-in|--soft-out|--hard] [--message TEXT]", "resets a peer"},
    {"shutdown", "P [--message TEXT]", "takes a peer down until it is enabled"},
    {"enable", "P", "lets a peer that was shut down come up"},
    {"reload", "", "loads the configuration again"},
    {"watch", "[--routes]", "a line per event as it happens"},
};

struct options {
	const char *socket;
	bool json;
	const char **words;
	size_t word_count;
};

/* Options */

static void print_usage(FILE *file)
{
	fprintf(file, "usage: kbgpctl [-s SOCKET] [-o table|json] COMMAND [ARG...]\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(file, "  %s%s%s\n        %s\n", commands[i].name,
		    *commands[i].synopsis ? " " : "", commands[i].synopsis, commands[i].help);
	fprintf(file, "\n  -s SOCKET  the daemon's socket, default " DEFAULT_SOCKET "\n"
		      "  -o FORMAT  table or json\n  -V         the version\n");
}

_Noreturn static void refuse_usage(const char *what, const char *word)
{
	fprintf(stderr, "kbgpctl: %s%s%s\n", what, *word ? " " : "", word);
	fprintf(
	    stderr, "usage: kbgpctl [-s SOCKET] [-o table|json] COMMAND [ARG...]; -h says more\n");
	exit(STATUS_USAGE);
}

/* The value of an option "-x VALUE" or "-xVALUE"; moves `*index` past it. */
static const char *option_value(int count, char **arguments, int *index)
{
	const char *option = arguments[*index];

	if (option[2])
		return option + 2;
	if (*index + 1 == count)
		refuse_usage("a value is missing after", option);
	return arguments[++*index];
}

/* Ours are the options of one letter, wherever they stand before "--"; all else is the daemon's. */
static void parse_option(struct options *options, int count, char **arguments, int *index)
{
	const char *option = arguments[*index];
	const char *value;

	switch (option[1]) {
	case 's':
		options->socket = option_value(count, arguments, index);
		break;
	case 'o':
		value = option_value(count, arguments, index);
		options->json = !strcmp(value, "json");
		if (!options->json && strcmp(value, "table"))
			refuse_usage("-o is table or json, not", value);
		break;
	case 'V':
		printf("kbgpctl %s\n", PACKAGE_VERSION);
		exit(STATUS_DONE);
	case 'h':
		print_usage(stdout);
		exit(STATUS_DONE);
	default:
		refuse_usage("unknown option", option);
	}
}

static void parse_arguments(struct options *options, int count, char **arguments)
{
	int i = 1;

	options->words = memory_allocate_zero((size_t)count, sizeof(*options->words));
	for (; i < count && strcmp(arguments[i], "--"); i++) {
		const bool is_text = i > 1 && !strcmp(arguments[i - 1], "--message");

		if (!is_text && !strcmp(arguments[i], "--help")) {
			print_usage(stdout);
			exit(STATUS_DONE);
		}
		if (!is_text && arguments[i][0] == '-' && arguments[i][1] && arguments[i][1] != '-')
			parse_option(options, count, arguments, &i);
		else
			options->words[options->word_count++] = arguments[i];
	}
	for (i++; i < count; i++)
		options->words[options->word_count++] = arguments[i];
	if (!options->word_count)
		refuse_usage("a command is missing", "");
}

/* Answers */

static enum exit_status show_error(const json_t *head)
{
	struct text text = {0};

	text_append(&text, "kbgpctl: %s", format_string(head, "error"));
	format_print_text(stderr, text.string);
	text_free(&text);
	return json_is_true(json_object_get(head, "usage")) ? STATUS_USAGE : STATUS_FAILED;
}

static enum exit_status show_value(
    const json_t *value, const struct view *view, const struct options *options)
{
	struct view_output output = {.file = stdout};

	if (options->json || !view || !view->value) {
		json_dumpf(
		    value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		printf("\n");
	} else {
		view->value(&output, value);
	}
	return STATUS_DONE;
}

static bool is_end(const char *line)
{
	return !strcmp(line, "{\"end\":true}");
}

/* What came instead of the end of the stream. */
static enum exit_status check_end(const char *line, const struct error *error)
{
	if (line)
		return STATUS_DONE;
	fflush(stdout);
	fprintf(stderr, "kbgpctl: %s\n",
	    error->text[0] ? error->text : "the daemon closed the connection before the end");
	return STATUS_FAILED;
}

static enum exit_status show_json_stream(struct client *client, bool live)
{
	const char *separator = live ? "" : "[\n";
	struct error error;
	const char *line;

	while ((line = client_read_line(client, &error)) && !is_end(line)) {
		printf("%s%s", separator, line);
		separator = live ? "" : ",\n";
		if (live) {
			printf("\n");
			fflush(stdout);
		}
	}
	if (!live && line)
		printf("%s]\n", separator[0] == '[' ? "[" : "\n");
	return check_end(line, &error);
}

static enum exit_status show_rows(struct client *client, const struct view *view)
{
	struct view_output output = {.file = stdout};
	struct error error;
	const char *line;

	if (view->begin)
		view->begin(&output);
	while ((line = client_read_line(client, &error)) && !is_end(line)) {
		json_t *row = json_loads(line, 0, NULL);

		view->row(&output, row);
		json_decref(row);
		if (view->live)
			fflush(stdout);
	}
	if (view->end)
		view->end(&output);
	return check_end(line, &error);
}

static enum exit_status show_answer(struct client *client, const struct options *options)
{
	struct error error;
	const char *line = client_read_line(client, &error);
	json_t *head = line ? json_loads(line, 0, NULL) : NULL;
	const char *name = json_string_value(json_object_get(head, "view"));
	const struct view *view = name ? view_find(name) : NULL;
	enum exit_status status;

	if (!json_is_object(head)) {
		fprintf(stderr, "kbgpctl: %s\n",
		    error.text[0] ? error.text : "the daemon closed the connection");
		status = STATUS_FAILED;
	} else if (!json_is_true(json_object_get(head, "ok"))) {
		status = show_error(head);
	} else if (!json_is_true(json_object_get(head, "stream"))) {
		status = show_value(json_object_get(head, "result"), view, options);
	} else if (options->json || !view) {
		status = show_json_stream(client, view && view->live);
	} else {
		status = show_rows(client, view);
	}
	json_decref(head);
	return status;
}

int main(int argument_count, char **arguments)
{
	struct options options = {.socket = DEFAULT_SOCKET};
	enum exit_status status = STATUS_FAILED;
	struct client client;
	struct error error;

	parse_arguments(&options, argument_count, arguments);
	if (client_ask(&client, options.socket, options.words, options.word_count, &error))
		status = show_answer(&client, &options);
	else
		fprintf(stderr, "kbgpctl: %s\n", error.text);
	client_close(&client);
	free(options.words);
	if (fflush(stdout) || ferror(stdout)) {
		perror("kbgpctl: standard output");
		status = STATUS_FAILED;
	}
	return status;
}
