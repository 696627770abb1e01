/*
 * A real speaker with a configuration that the test writes: in a folder of its own, with a folder
 * of manifests that is empty at first, and with what it logs.  Whether anything is installed, and
 * who the peers are, is up to the configuration.
 */
#ifndef TESTS_UNIT_SPEAKER_RIG_H
#define TESTS_UNIT_SPEAKER_RIG_H

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

#include "clock.h"
#include "speaker/speaker.h"

struct speaker_rig {
	char folder[64];
	char file[96]; /* the configuration */
	char manifests[96]; /* a folder */
	struct log log;
	struct text lines; /* of the log */
	struct loop *loop; /* of the test */
	struct speaker_options options; /* to be changed before the start */
	struct speaker *speaker; /* NULL until then */
};

static inline void speaker_rig_take_line(void *arg, enum log_level level, const char *line)
{
	struct speaker_rig *rig = arg;

	(void)level;
	text_append(&rig->lines, "%s\n", line);
}

/* The loop stays the caller's, and is freed after the rig has been closed. */
static inline void speaker_rig_open(struct speaker_rig *rig, struct loop *loop)
{
	strcpy(rig->folder, "/tmp/test_speaker.XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	snprintf(rig->file, sizeof rig->file, "%s/kbgpd.yaml", rig->folder);
	snprintf(rig->manifests, sizeof rig->manifests, "%s/manifests", rig->folder);
	assert_int_equal(mkdir(rig->manifests, 0700), 0);
	rig->log =
	    (struct log){.sink = speaker_rig_take_line, .sink_arg = rig, .level = LOG_LEVEL_INFO};
	text_append(&rig->lines, "%s", "");
	rig->loop = loop;
	rig->options = (struct speaker_options){.environment = {.host_name = "host"},
	    .hash_seed = 1,
	    .loop = loop,
	    .log = &rig->log,
	    .config_file = rig->file};
}

/* Ends the speaker; what the test has put into the folders must be gone. */
static inline void speaker_rig_close(struct speaker_rig *rig)
{
	speaker_free(rig->speaker);
	unlink(rig->file);
	assert_int_equal(rmdir(rig->manifests), 0);
	assert_int_equal(rmdir(rig->folder), 0);
	text_free(&rig->lines);
}

/* With a loop of its own, for speaker_rig_free(). */
static inline struct speaker_rig *speaker_rig_new(void)
{
	struct speaker_rig *rig = calloc(1, sizeof *rig);

	assert_non_null(rig);
	speaker_rig_open(rig, loop_new());
	return rig;
}

static inline void speaker_rig_free(struct speaker_rig *rig)
{
	speaker_rig_close(rig);
	loop_free(rig->loop);
	free(rig);
}

static inline void speaker_rig_write_file(const char *file, const char *text)
{
	FILE *stream = fopen(file, "w");

	assert_non_null(stream);
	fputs(text, stream);
	fclose(stream);
}

static inline void speaker_rig_configure(const struct speaker_rig *rig, const char *configuration)
{
	speaker_rig_write_file(rig->file, configuration);
}

/* With the configuration that was written last; so does the reload. */
static inline void speaker_rig_start(struct speaker_rig *rig)
{
	struct text errors = {NULL, 0, 0};
	struct config *config = config_load(rig->file, &rig->options.environment, &errors);
	struct error error;

	if (!config)
		fail_msg("%s", errors.string);
	rig->speaker = speaker_new(&rig->options, config, &error);
	if (!rig->speaker)
		fail_msg("%s", error.text);
}

static inline void speaker_rig_reload(struct speaker_rig *rig)
{
	struct text errors = {NULL, 0, 0};

	if (!speaker_reload(rig->speaker, &errors))
		fail_msg("%s", errors.string);
	text_free(&errors);
}

/* Connections that its peers have tried, all together. */
static inline size_t speaker_rig_count_attempts(const struct speaker_rig *rig)
{
	const struct speaker_peer *peer;
	size_t count = 0;

	for (size_t i = 0; (peer = speaker_peer_at(rig->speaker, i)); i++)
		count += bgp_session_counters(speaker_peer_session(peer))->connection_attempts;
	return count;
}

#endif
