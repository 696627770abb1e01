/*
 * A command is a row of this table and a function: its name, what may follow (arguments.h says how
 * the text is read), and who does it.  What only shows is in a file of its own, what acts is short
 * and stands here.  To add one, add the row, the function, a row of the table in kbgpctl.c for its
 * usage, and a printer in kbgpctl/view.c if its answer has a new form.
 */
#include "control/commands.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* RFC 9003 2: the text of a Cease is at most 255 octets; more than that is the user's mistake. */
#define MESSAGE_MAX 255

/* The text for the peer, NULL if none was given; false, and the error answered, if it is too long. */
static bool find_message(
    const struct arguments *arguments, struct answer *answer, const char **message)
{
	*message = arguments_option(arguments, "--message");
	if (!*message || strlen(*message) <= MESSAGE_MAX)
		return true;
	answer_with_error(answer, "--message is longer than %d bytes (RFC 9003)", MESSAGE_MAX);
	return false;
}

static struct speaker_peer *find_peer(
    const struct speaker *speaker, const char *name, struct answer *answer)
{
	struct speaker_peer *peer = speaker_peer_find(speaker, name);

	if (!peer)
		answer_with_error(answer, "no peer has the name or address %s", name);
	return peer;
}

/* Every peer is tried; the errors of those that refuse are collected. */
static void clear_all(const struct speaker *speaker, enum speaker_clear how, const char *message,
    struct answer *answer)
{
	size_t count = 0;
	struct speaker_peer *peer;

	for (; (peer = speaker_peer_at(speaker, count)); count++) {
		struct error error;

		if (!speaker_peer_clear(peer, how, message, &error))
			answer_with_error(
			    answer, "%s%s", answer->error.length ? "\n" : "", error.text);
	}
	if (!answer->error.length)
		answer_with_message(answer, "%zu peer%s cleared", count, count == 1 ? "" : "s");
}

static void clear_peer(
    struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	enum speaker_clear how = SPEAKER_CLEAR_HARD;
	const char *message;
	struct speaker_peer *peer;
	struct error error;

	if (arguments_option(arguments, "--soft-in"))
		how = SPEAKER_CLEAR_SOFT_IN;
	if (arguments_option(arguments, "--soft-out"))
		how = SPEAKER_CLEAR_SOFT_OUT;
	if (!find_message(arguments, answer, &message))
		return;
	if (message && how != SPEAKER_CLEAR_HARD) {
		answer_with_usage_error(answer, "--message goes with a hard reset only");
		return;
	}
	if (!strcmp(arguments->positional, "all")) {
		clear_all(speaker, how, message, answer);
		return;
	}
	peer = find_peer(speaker, arguments->positional, answer);
	if (!peer)
		return;
	if (speaker_peer_clear(peer, how, message, &error))
		answer_with_message(answer, "%s: cleared", speaker_peer_name(peer));
	else
		answer_with_error(answer, "%s", error.text);
}

static void shut_down_peer(
    struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct speaker_peer *peer = find_peer(speaker, arguments->positional, answer);
	const char *message;

	if (!peer || !find_message(arguments, answer, &message))
		return;
	speaker_peer_shutdown(peer, message);
	answer_with_message(answer, "%s: shut down", speaker_peer_name(peer));
}

static void enable_peer(
    struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct speaker_peer *peer = find_peer(speaker, arguments->positional, answer);

	if (!peer)
		return;
	speaker_peer_enable(peer);
	answer_with_message(answer, "%s: enabled", speaker_peer_name(peer));
}

static void reload_config(
    struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	struct text errors = {0};
	size_t end;

	(void)arguments;
	if (speaker_reload(speaker, &errors)) {
		answer_with_message(
		    answer, "%s: configuration loaded", speaker_config_state(speaker)->file);
		text_free(&errors);
		return;
	}
	end = errors.length;
	while (end && errors.string[end - 1] == '\n')
		end--;
	answer_with_error(answer, "configuration refused, the old one stays in force:\n%.*s",
	    (int)end, end ? errors.string : "");
	text_free(&errors);
}

static void show_bfd(
    struct speaker *speaker, const struct arguments *arguments, struct answer *answer)
{
	(void)speaker;
	(void)arguments;
	answer_with_error(answer, "BFD is not supported yet");
}

static const struct command {
	const char *name;
	const char *synopsis;
	command_function *run;
} commands[] = {
    {"status", "", show_status},
    {"peers", "[NAME|ADDRESS]", show_peers},
    {"routes", "[PREFIX] [--peer P|--received P|--advertised P] [--family FAMILY]", show_routes},
    {"advertisements", "", show_advertisements},
    {"fib", "", show_fib},
    {"nexthops", "", show_next_hops},
    {"bfd", "", show_bfd},
    {"clear", "NAME|ADDRESS|all [--soft-in|--soft-out|--hard] [--message TEXT]", clear_peer},
    {"shutdown", "NAME|ADDRESS [--message TEXT]", shut_down_peer},
    {"enable", "NAME|ADDRESS", enable_peer},
    {"reload", "", reload_config},
    {"watch", "[--routes]", watch_events},
};

void commands_run(
    struct speaker *speaker, const char *const *words, size_t count, struct answer *answer)
{
	struct arguments arguments;
	struct error error;

	if (!count) {
		answer_with_usage_error(answer, "no command");
		return;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *command = &commands[i];

		if (strcmp(words[0], command->name))
			continue;
		if (arguments_parse(command->synopsis, words + 1, count - 1, &arguments, &error))
			command->run(speaker, &arguments, answer);
		else
			answer_with_usage_error(answer, "%s: %s\nusage: kbgpctl %s%s%s",
			    command->name, error.text, command->name, *command->synopsis ? " " : "",
			    command->synopsis);
		return;
	}
	answer_with_usage_error(answer, "unknown command %s; kbgpctl -h lists them", words[0]);
}
