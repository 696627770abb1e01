/*
 * Start, stop and reload.
 *
 * The rooms are made from the bottom up and freed from the top down.  A reload loads the file into
 * a new configuration; only when it is good as a whole does it take the place of the old one, and
 * speaker_apply() finds out what that changes.  The old one is freed after that, since until then
 * filters and rules of it are in use.
 */
#include "speaker/speaker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "config/difference.h"
#include "speaker/private.h"

/* For the Cease to reach the peers before the sockets are gone, at most. */
#define STOP_MS 1000
#define STOP_LOOK_MS 10
/* Refusals by the kernel are logged at most once in this time. */
#define FIB_LOG_MS 1000
/* What was let in by the pod CIDRs of Nodes is judged again at most once in this time. */
#define REFILTER_MS 1000

static void fib_failed(void *arg, const struct ip_prefix *prefix, const char *what)
{
	struct speaker *speaker = arg;
	uint64_t now = loop_now(speaker->loop);
	char text[IP_TEXT_MAX];
	bool quiet = speaker->fib_logged_at && now - speaker->fib_logged_at < FIB_LOG_MS;

	if (!quiet)
		speaker->fib_logged_at = now;
	log_write(speaker->log, quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
	    ip_prefix_print(prefix, text), "not installed: %s", what);
	speaker_tell(speaker, SPEAKER_FIB_ERROR, NULL, prefix, what);
}

static void fib_ready(void *arg)
{
	struct speaker *speaker = arg;

	speaker->fib_ready = true;
	loop_task_schedule(speaker->loop, &speaker->apply_task);
}

/* Our own next hops may be others now, and an address to listen on may be there. */
static void links_changed(void *arg)
{
	struct speaker *speaker = arg;

	if (!speaker_listeners_are_right(speaker))
		loop_task_schedule(speaker->loop, &speaker->apply_task);
	speaker_mesh_follow_links(speaker);
	for (size_t i = 0; i < speaker->peer_count; i++) {
		struct export_key key;

		if (!speaker->peers[i]->member)
			continue;
		speaker_neighbour_key(speaker->peers[i], &key);
		update_group_move(speaker->peers[i]->member, &key);
	}
}

static void view_changed(void *arg)
{
	speaker_look_around(arg);
}

/* Each time it passes the whole table: of Nodes that come one by one, many are one time. */
static void run_refilter(void *arg)
{
	struct speaker *speaker = arg;
	uint64_t now = loop_now(speaker->loop), since = now - speaker->refiltered_at;

	if (speaker->refiltered_at && since < REFILTER_MS) {
		if (!loop_timer_is_running(&speaker->refilter_timer))
			loop_timer_start(&speaker->refilter_timer, REFILTER_MS - since);
		return;
	}
	loop_name_work(speaker->loop, "import by default");
	speaker->refiltered_at = now;
	speaker_import_refilter(speaker);
}

static void run_apply(void *arg)
{
	struct speaker *speaker = arg;

	loop_name_work(speaker->loop, "the configuration");
	if (!speaker->stopping)
		speaker_apply(speaker, speaker->config);
}

static void file_changed(void *arg)
{
	struct text errors = {0};

	speaker_reload(arg, &errors);
	text_free(&errors);
}

static bool open_fib(struct speaker *speaker, struct error *error)
{
	static const struct fib_ops ops = {.failed = fib_failed,
	    .ready = fib_ready,
	    .links_changed = links_changed,
	    .view_changed = view_changed};
	struct fib_settings settings;

	speaker_fib_settings(&speaker->config->fib, &settings);
	speaker->fib = fib_new(speaker->loop, speaker->rib, &settings, speaker->options.hash_seed,
	    &ops, speaker, error);
	return speaker->fib != NULL;
}

static void start_timers(struct speaker *speaker)
{
	speaker->called = speaker_take_call;
	loop_task_init(&speaker->refilter_task, run_refilter, speaker);
	loop_timer_init(speaker->loop, &speaker->refilter_timer, run_refilter, speaker);
	loop_task_init(&speaker->apply_task, run_apply, speaker);
	speaker_convergence_start(speaker);
	speaker_readiness_start(speaker);
	speaker_latency_start(speaker);
	speaker_passwords_start(speaker);
	loop_timer_init(speaker->loop, &speaker->listen_timer, speaker_listen_again, speaker);
	speaker_peers_start(speaker);
	speaker_mesh_start(speaker);
	speaker_reach_start(speaker);
}

struct speaker *speaker_new(
    const struct speaker_options *options, struct config *config, struct error *error)
{
	struct speaker *speaker = memory_allocate_zero(1, sizeof *speaker);
	const struct rib_options rib_options = {options->hash_seed, config->fib.multipath};

	speaker->options = *options;
	speaker->loop = options->loop;
	speaker->log = options->log;
	speaker->config = config;
	speaker->started_at = loop_now(speaker->loop);
	speaker->config_state.file = options->config_file;
	speaker->config_state.loaded_at = (uint64_t)time(NULL);
	speaker->rib = rib_new(speaker->loop, &rib_options);
	speaker->groups = update_groups_new(speaker->rib, speaker->loop);
	if (!open_fib(speaker, error)) {
		update_groups_free(speaker->groups);
		rib_free(speaker->rib);
		config_free(config);
		free(speaker);
		return NULL;
	}
	start_timers(speaker);
	speaker_discovery_start(speaker);
	speaker_cluster_start(speaker);
	speaker_pod_cidrs_start(speaker);
	speaker_origin_start(speaker);
	speaker_leave_start(speaker);
	speaker_apply(speaker, NULL);
	speaker->watch =
	    config_watch_new(speaker->loop, &options->config_file, 1, file_changed, speaker, error);
	if (speaker->watch)
		config_watch_expect(speaker->watch, &config->identity);
	else
		log_write(speaker->log, LOG_LEVEL_WARNING, options->config_file,
		    "%s; only SIGHUP and `kbgpctl reload` will load it again", error->text);
	return speaker;
}

void speaker_free(struct speaker *speaker)
{
	speaker->stopping = true;
	config_watch_free(speaker->watch);
	speaker_passwords_stop(speaker);
	speaker_peers_stop(speaker);
	speaker_mesh_stop(speaker);
	speaker_listeners_stop(speaker);
	speaker_ranges_stop(speaker);
	speaker_stop_source(speaker);
	speaker_latency_stop(speaker);
	speaker_convergence_stop(speaker);
	speaker_readiness_stop(speaker);
	loop_task_cancel(speaker->loop, &speaker->refilter_task);
	loop_timer_free(&speaker->refilter_timer);
	loop_task_cancel(speaker->loop, &speaker->apply_task);
	speaker_reach_stop(speaker);
	speaker_discovery_stop(speaker);
	speaker_leave_stop(speaker);
	loop_timer_free(&speaker->stop_timer);
	fib_free(speaker->fib);
	speaker_origin_stop(speaker);
	speaker_pod_cidrs_stop(speaker);
	k8s_cluster_free(speaker->cluster);
	update_groups_free(speaker->groups);
	rib_free(speaker->rib);
	arena_free(&speaker->arena);
	config_free(speaker->config);
	free(speaker->config_errors);
	free(speaker->left_out);
	free(speaker->last_namespace);
	free(speaker);
}

static bool is_closing(const struct speaker *speaker)
{
	for (size_t i = 0; i < speaker->peer_count; i++)
		if (speaker->peers[i]->session &&
		    bgp_session_is_closing(speaker->peers[i]->session))
			return true;
	for (size_t i = 0; i < speaker->retired_count; i++)
		if (bgp_session_is_closing(speaker->retired[i]))
			return true;
	return false;
}

static void look_at_stop(void *arg)
{
	struct speaker *speaker = arg;

	if (is_closing(speaker) && loop_now(speaker->loop) < speaker->stop_deadline)
		loop_timer_start(&speaker->stop_timer, STOP_LOOK_MS);
	else
		speaker->stopped(speaker->stopped_arg);
}

static void end_sessions(void *arg)
{
	struct speaker *speaker = arg;

	speaker->stopping = true;
	speaker->stop_deadline = loop_now(speaker->loop) + STOP_MS;
	speaker_listeners_close(speaker);
	for (size_t i = 0; i < speaker->peer_count; i++)
		if (speaker->peers[i]->session)
			bgp_session_stop(speaker->peers[i]->session,
			    BGP_CEASE_ADMINISTRATIVE_SHUTDOWN, "kbgpd is stopping");
	loop_timer_init(speaker->loop, &speaker->stop_timer, look_at_stop, speaker);
	loop_timer_start(&speaker->stop_timer, STOP_LOOK_MS);
}

void speaker_stop(struct speaker *speaker, loop_callback *done, void *arg)
{
	if (speaker->stopping)
		return;
	if (speaker->leave.state == SPEAKER_STOPPING) {
		log_write(speaker->log, LOG_LEVEL_INFO, NULL, "stopping at once");
		speaker_leave_end(speaker);
		return;
	}
	speaker->stopped = done;
	speaker->stopped_arg = arg;
	speaker_leave_begin(speaker, end_sessions, speaker);
}

/* One line of the log for each of the errors, which name their place. */
static void log_errors(const struct speaker *speaker, const char *errors)
{
	while (*errors) {
		size_t length = strcspn(errors, "\n");

		if (length)
			log_write(speaker->log, LOG_LEVEL_ERROR, NULL, "%.*s", (int)length, errors);
		errors += length;
		errors += *errors == '\n';
	}
}

/* The file was refused: the old configuration stays, and everybody can see why. */
static bool refuse_config(struct speaker *speaker, const char *errors)
{
	struct speaker_config_state *state = &speaker->config_state;

	state->reloads_bad++;
	state->stale = true;
	free(speaker->config_errors);
	state->errors = speaker->config_errors = memory_copy_string(errors);
	log_write(speaker->log, LOG_LEVEL_ERROR, state->file,
	    "refused; the configuration before it stays in force");
	log_errors(speaker, errors);
	speaker_tell(speaker, SPEAKER_CONFIG_REFUSED, state->file, NULL, errors);
	return false;
}

/* What is the same in both keeps its place in update groups, under its new pointer. */
static void carry_over_filters(struct speaker *speaker, const struct config *old)
{
	const struct config *new = speaker->config;

	for (size_t i = 0; i < old->filter_count; i++)
		for (size_t j = 0; j < new->filter_count; j++)
			if (policy_filter_equal(&old->filters[i], &new->filters[j]))
				update_groups_replace_filter(
				    speaker->groups, &old->filters[i], &new->filters[j]);
}

bool speaker_reload(struct speaker *speaker, struct text *errors)
{
	struct speaker_config_state *state = &speaker->config_state;
	struct config *old = speaker->config, *new;
	struct error error;

	loop_name_work(speaker->loop, "a reload");
	if (speaker->stopping || speaker->leave.state == SPEAKER_STOPPING) {
		text_append(errors, "%s: kbgpd is stopping\n", state->file);
		return false;
	}
	if (speaker->watch)
		config_watch_look(speaker->watch);
	new = config_load(state->file, &speaker->options.environment, errors);
	if (!new)
		return refuse_config(speaker, errors->string);
	if (!config_can_reload(old, new, &error)) {
		text_append(errors, "%s: %s\n", state->file, error.text);
		config_free(new);
		return refuse_config(speaker, errors->string);
	}
	speaker->config = new;
	carry_over_filters(speaker, old);
	speaker_apply(speaker, old);
	config_free(old);
	state->reloads_good++;
	state->stale = false;
	state->errors = NULL;
	state->loaded_at = (uint64_t)time(NULL);
	log_write(speaker->log, LOG_LEVEL_INFO, state->file, "loaded");
	speaker_tell(speaker, SPEAKER_CONFIG_LOADED, state->file, NULL, NULL);
	return true;
}
