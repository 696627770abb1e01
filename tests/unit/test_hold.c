/*
 * What holds a peer down, and the password that it must not run without.  The session is a real
 * one towards an address that nothing answers from; only whether it is in Idle matters here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "speaker/private.h"

struct rig {
	struct speaker speaker;
	struct speaker_peer peer;
	struct log log;
	char name[8];
};

static void nothing_happens(void *arg)
{
	(void)arg;
}

static void ignore_trouble(void *arg, const char *what)
{
	(void)arg;
	(void)what;
}

static void ignore_state(void *arg, enum bgp_state from, enum bgp_state to)
{
	(void)arg;
	(void)from;
	(void)to;
}

static const struct bgp_session_ops session_ops = {
    .established = nothing_happens,
    .state_changed = ignore_state,
    .trouble = ignore_trouble,
};

static int setup(void **state)
{
	struct rig *rig = memory_allocate_zero(1, sizeof *rig);
	struct bgp_session_settings settings;

	memset(&settings, 0, sizeof settings);
	settings.passive = true;
	settings.local_asn = 65001;
	rig->speaker.loop = loop_new();
	rig->speaker.log = &rig->log;
	rig->peer.speaker = &rig->speaker;
	rig->peer.name = rig->name;
	strcpy(rig->name, "tor");
	rig->peer.session = bgp_session_new(rig->speaker.loop, &settings, &session_ops, &rig->peer);
	bgp_session_start(rig->peer.session);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	bgp_session_free(rig->peer.session);
	free(rig->peer.hold_text);
	loop_free(rig->speaker.loop);
	free(rig);
	return 0;
}

static bool runs(const struct rig *rig)
{
	return bgp_session_state(rig->peer.session) != BGP_STATE_IDLE;
}

static void clear(struct rig *rig, const char *reason)
{
	struct error error = {""};
	bool done = speaker_peer_clear(&rig->peer, SPEAKER_CLEAR_HARD, NULL, &error);

	assert_int_equal(done, reason == NULL);
	if (reason)
		assert_non_null(strstr(error.text, reason));
}

static void each_hold_stops_and_its_release_starts(void **state)
{
	static const enum speaker_hold holds[] = {
	    HOLD_CONFIGURED, HOLD_COMMANDED, HOLD_MAX_PREFIXES, HOLD_PASSWORD, HOLD_KERNEL};
	struct rig *rig = *state;

	assert_true(runs(rig));
	for (size_t i = 0; i < sizeof holds / sizeof holds[0]; i++) {
		speaker_peer_hold(&rig->peer, holds[i], BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, NULL);
		assert_false(runs(rig));
		assert_non_null(speaker_peer_hold_reason(&rig->peer));
		speaker_peer_release(&rig->peer, holds[i]);
		assert_true(runs(rig));
		assert_null(speaker_peer_hold_reason(&rig->peer));
	}
}

static void reasons_in_words_are_shown(void **state)
{
	struct rig *rig = *state;

	speaker_peer_hold_for(&rig->peer, HOLD_NEIGHBOUR, "interface eth0 is down");
	assert_false(runs(rig));
	assert_string_equal(speaker_peer_hold_reason(&rig->peer), "interface eth0 is down");
	assert_string_equal(speaker_peer_last_error(&rig->peer), "interface eth0 is down");
	speaker_peer_hold_for(&rig->peer, HOLD_NEIGHBOUR, "no neighbour seen on eth0 yet");
	clear(rig, "no neighbour seen on eth0 yet");
	speaker_peer_enable(&rig->peer);
	assert_false(runs(rig));
	speaker_peer_release(&rig->peer, HOLD_NEIGHBOUR);
	assert_true(runs(rig));
}

static void two_holds_must_both_go(void **state)
{
	struct rig *rig = *state;

	speaker_peer_shutdown(&rig->peer, NULL);
	speaker_peer_hold(&rig->peer, HOLD_MAX_PREFIXES, BGP_CEASE_MAX_PREFIXES, NULL);
	clear(rig, "shut down by kbgpctl");
	assert_false(runs(rig));
	speaker_peer_enable(&rig->peer);
	assert_true(runs(rig));
}

static void clear_ends_too_many_prefixes(void **state)
{
	struct rig *rig = *state;

	speaker_peer_hold(&rig->peer, HOLD_MAX_PREFIXES, BGP_CEASE_MAX_PREFIXES, NULL);
	clear(rig, NULL);
	assert_true(runs(rig));
}

static void nobody_starts_it_without_its_password(void **state)
{
	struct rig *rig = *state;

	speaker_peer_hold(&rig->peer, HOLD_PASSWORD, BGP_CEASE_CONFIGURATION_CHANGE, NULL);
	speaker_peer_shutdown(&rig->peer, NULL);
	speaker_peer_hold(&rig->peer, HOLD_MAX_PREFIXES, BGP_CEASE_MAX_PREFIXES, NULL);
	speaker_peer_enable(&rig->peer);
	assert_false(runs(rig));
	clear(rig, "password cannot be had");
	assert_false(runs(rig));
	speaker_peer_release(&rig->peer, HOLD_PASSWORD);
	assert_true(runs(rig));
}

static void nothing_starts_while_the_daemon_stops(void **state)
{
	struct rig *rig = *state;

	speaker_peer_shutdown(&rig->peer, NULL);
	rig->speaker.stopping = true;
	speaker_peer_enable(&rig->peer);
	assert_false(runs(rig));
}

static void soft_clear_needs_a_session(void **state)
{
	struct rig *rig = *state;
	struct error error;

	assert_false(speaker_peer_clear(&rig->peer, SPEAKER_CLEAR_SOFT_IN, NULL, &error));
	assert_string_equal(error.text, "peer tor is not Established");
	assert_false(speaker_peer_clear(&rig->peer, SPEAKER_CLEAR_SOFT_OUT, NULL, &error));
	assert_string_equal(error.text, "peer tor is not Established");
}

/* Password files */

static const char longest[] = "0123456789012345678901234567890123456789"
			      "0123456789012345678901234567890123456789";

static bool read_file(const char *file, char *password, struct error *error)
{
	const struct speaker speaker = {.api_source = NULL};
	const struct config_peer entry = {.password_file = (char *)file};

	return speaker_password_find(&speaker, &entry, password, error);
}

static bool read_content(const char *content, char *password, struct error *error)
{
	char file[] = "/tmp/test_hold.XXXXXX";
	int fd = mkstemp(file);
	bool good;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	good = read_file(file, password, error);
	unlink(file);
	return good;
}

static void password_is_the_first_line(void **state)
{
	static const struct {
		const char *content;
		const char *password;
	} good[] = {
	    {"secret", "secret"},
	    {"secret\n", "secret"},
	    {"secret\r\n", "secret"},
	    {"two words \nsecond line\n", "two words "},
	    {longest, longest},
	};
	char password[BGP_PASSWORD_MAX + 1], content[256];
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(read_content(good[i].content, password, &error));
		assert_string_equal(password, good[i].password);
	}
	snprintf(content, sizeof content, "%s\nsecond line", longest);
	assert_true(read_content(content, password, &error));
	assert_string_equal(password, longest);
}

static void no_password_is_an_error(void **state)
{
	char password[BGP_PASSWORD_MAX + 1] = "", content[256];
	struct error error;

	(void)state;
	assert_false(read_content("", password, &error));
	assert_non_null(strstr(error.text, "it is empty"));
	assert_false(read_content("\nsecret\n", password, &error));
	assert_non_null(strstr(error.text, "it is empty"));
	snprintf(content, sizeof content, "%s0", longest);
	assert_false(read_content(content, password, &error));
	assert_non_null(strstr(error.text, "longer than 80 characters"));
	assert_false(read_file("/nowhere/secret", password, &error));
	assert_string_equal(error.text, "passwordFile /nowhere/secret: No such file or directory");
	assert_false(read_file("/tmp", password, &error));
	assert_string_equal(error.text, "passwordFile /tmp: Is a directory");
	assert_string_equal(password, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		each_hold_stops_and_its_release_starts, setup, teardown),
	    cmocka_unit_test_setup_teardown(reasons_in_words_are_shown, setup, teardown),
	    cmocka_unit_test_setup_teardown(two_holds_must_both_go, setup, teardown),
	    cmocka_unit_test_setup_teardown(clear_ends_too_many_prefixes, setup, teardown),
	    cmocka_unit_test_setup_teardown(nobody_starts_it_without_its_password, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_starts_while_the_daemon_stops, setup, teardown),
	    cmocka_unit_test_setup_teardown(soft_clear_needs_a_session, setup, teardown),
	    cmocka_unit_test(password_is_the_first_line),
	    cmocka_unit_test(no_password_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
