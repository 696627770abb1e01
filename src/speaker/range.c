/*
 * Ranges: entries of the configuration that name a prefix in place of an address.  Whoever connects
 * from inside of it and is no peer of his own becomes one, with the settings of the entry; he is
 * never called, and is forgotten some time after he has gone.
 *
 * What strangers can cost is bounded.  An entry has so many peers at most; in an entry, and in all
 * of them together, so many connections that are not Established at most, and one for each address
 * since a new one takes the place of the old.  One that never came up and has no connection gives
 * way to a new one, so that a scan of the range keeps no neighbour out for long.  What is refused
 * is closed without a byte read, counted, and hardly logged.
 *
 * A range with a password is open only while the password is there and the listeners have it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "speaker/private.h"

#define HALF_OPEN_PER_RANGE_MAX 64
#define HALF_OPEN_MAX 256
#define FULL_LOG_MS 60000

/* The ranges themselves */

static struct speaker_range *find_range(
    const struct speaker_range *ranges, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(ranges[i].name, name) == 0)
			return (struct speaker_range *)&ranges[i];
	return NULL;
}

/* The longest one that the address is in. */
static struct speaker_range *match_range(
    const struct speaker *speaker, const struct ip_address *address)
{
	struct speaker_range *best = NULL;

	for (size_t i = 0; i < speaker->range_count; i++) {
		struct speaker_range *range = &speaker->ranges[i];

		if (ip_prefix_contains(&range->prefix, address) &&
		    (!best || range->prefix.length > best->prefix.length))
			best = range;
	}
	return best;
}

const struct config_peer *speaker_range_entry(
    const struct speaker *speaker, const struct ip_address *address)
{
	const struct speaker_range *range = match_range(speaker, address);

	return range ? range->config : NULL;
}

static void close_range(const struct speaker *speaker, struct speaker_range *range, const char *why)
{
	if (!range->told)
		log_write(speaker->log, LOG_LEVEL_ERROR, range->name,
		    "%s; nobody is accepted from the range until that changes", why);
	range->told = true;
}

/* Gives the listeners the password; without it the range stays closed. */
static void open_range(struct speaker *speaker, struct speaker_range *range)
{
	char password[BGP_PASSWORD_MAX + 1] = "";
	struct error error;

	range->open = speaker_password_find(speaker, range->config, password, &error) &&
		      speaker_listeners_set_password(speaker, &range->prefix, password, &error);
	explicit_bzero(password, sizeof password);
	if (range->open) {
		range->told = false;
		return;
	}
	if (!speaker_password_is_awaited(speaker, range->config))
		close_range(speaker, range, error.text);
	speaker_password_retry_later(speaker);
}

/* Takes out what is no range any more, with its password. */
static void drop_ranges(struct speaker *speaker, struct speaker_range *had, size_t had_count)
{
	for (size_t i = 0; i < had_count; i++) {
		const struct speaker_range *now =
		    find_range(speaker->ranges, speaker->range_count, had[i].name);

		if (!now || !ip_prefix_equal(&now->prefix, &had[i].prefix))
			speaker_listeners_set_password(speaker, &had[i].prefix, "", NULL);
		free(had[i].name);
	}
	free(had);
}

void speaker_ranges_apply(
    struct speaker *speaker, const struct config_peer *const *taken, size_t count)
{
	struct speaker_range *had = speaker->ranges;
	size_t had_count = speaker->range_count;

	speaker->ranges = memory_allocate_zero(count + 1, sizeof *speaker->ranges);
	speaker->range_count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct speaker_range *before = find_range(had, had_count, taken[i]->name);
		struct speaker_range *range = &speaker->ranges[speaker->range_count];

		if (!taken[i]->has_range)
			continue;
		if (before)
			*range = *before;
		range->name = memory_copy_string(taken[i]->name);
		range->config = taken[i];
		range->prefix = taken[i]->range;
		speaker->range_count++;
	}
	drop_ranges(speaker, had, had_count);
}

void speaker_ranges_open(struct speaker *speaker)
{
	for (size_t i = 0; i < speaker->range_count; i++)
		open_range(speaker, &speaker->ranges[i]);
}

void speaker_ranges_stop(struct speaker *speaker)
{
	for (size_t i = 0; i < speaker->range_count; i++)
		free(speaker->ranges[i].name);
	free(speaker->ranges);
}

/* Their peers */

static bool has_connection(const struct speaker_peer *peer)
{
	return bgp_session_state(peer->session) >= BGP_STATE_OPEN_SENT;
}

static bool is_half_open(const struct speaker_peer *peer)
{
	return has_connection(peer) && bgp_session_state(peer->session) != BGP_STATE_ESTABLISHED;
}

/* What an operator or the peer's own excess holds down must not come back as another peer. */
static bool must_stay(const struct speaker_peer *peer)
{
	return has_connection(peer) || peer->holds & (HOLD_COMMANDED | HOLD_MAX_PREFIXES);
}

void speaker_range_forget(struct speaker_peer *peer)
{
	speaker_peers_remove(peer);
	log_write(peer->speaker->log, peer->was_up ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, peer->name,
	    "no longer there: forgotten");
	speaker_peer_free(peer, BGP_CEASE_PEER_DECONFIGURED);
}

static void absent(void *arg)
{
	struct speaker_peer *peer = arg;

	if (!must_stay(peer))
		speaker_range_forget(peer);
	else if (!has_connection(peer))
		loop_timer_start(&peer->absence_timer, SPEAKER_ABSENT_MS);
}

/* How many peers an entry has, and what may make room. */
struct census {
	size_t peers;
	size_t half_open;
	size_t half_open_in_all;
	struct speaker_peer *stranger; /* never came up and is not there */
};

static struct census count_peers(const struct speaker *speaker, const struct config_peer *entry)
{
	struct census census = {0};

	for (size_t i = 0; i < speaker->peer_count; i++) {
		struct speaker_peer *peer = speaker->peers[i];

		if (!peer->dynamic)
			continue;
		census.half_open_in_all += is_half_open(peer);
		if (peer->config != entry)
			continue;
		census.peers++;
		census.half_open += is_half_open(peer);
		if (!peer->was_up && !must_stay(peer))
			census.stranger = peer;
	}
	return census;
}

static struct speaker_peer *refuse_for_limit(
    struct speaker *speaker, struct speaker_range *range, const char *what)
{
	uint64_t now = loop_now(speaker->loop);
	bool quiet = range->full_told_at && now - range->full_told_at < FULL_LOG_MS;

	speaker->listen_counters.refused_limit++;
	if (!quiet)
		range->full_told_at = now;
	log_write(speaker->log, quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, range->name,
	    "connection refused: %s", what);
	return NULL;
}

static struct speaker_peer *make_peer(
    struct speaker *speaker, struct speaker_range *range, const struct ip_address *address)
{
	char text[IP_TEXT_MAX];
	struct text name = {0};
	struct speaker_peer *peer;

	text_append(&name, "%s/%s", range->name, ip_address_print(address, text));
	peer = speaker_peer_new(speaker, name.string);
	text_free(&name);
	if (!peer)
		return NULL;
	peer->dynamic = true;
	speaker_index_set_address(peer, address, 0);
	loop_timer_init(speaker->loop, &peer->absence_timer, absent, peer);
	loop_timer_start(&peer->absence_timer, SPEAKER_ABSENT_MS);
	speaker_peers_add(peer);
	speaker_peer_configure(peer, range->config, NULL);
	return peer;
}

struct speaker_peer *speaker_range_admit(
    struct speaker *speaker, struct speaker_peer *peer, const struct ip_address *address)
{
	struct speaker_range *range = match_range(speaker, address);
	struct census census;

	if (!range || !range->open) {
		speaker->listen_counters.refused_unknown++;
		return NULL;
	}
	/* Another connection of the same neighbour takes the place of the one before. */
	if (peer && has_connection(peer))
		return peer;
	census = count_peers(speaker, range->config);
	if (census.half_open >= HALF_OPEN_PER_RANGE_MAX || census.half_open_in_all >= HALF_OPEN_MAX)
		return refuse_for_limit(
		    speaker, range, "too many connections wait for the neighbour's OPEN");
	if (peer)
		return peer;
	if (census.peers >= range->config->range_limit) {
		if (!census.stranger)
			return refuse_for_limit(
			    speaker, range, "the range has as many peers as rangeLimit allows");
		speaker_range_forget(census.stranger);
	}
	peer = make_peer(speaker, range, address);
	return peer ? peer : refuse_for_limit(speaker, range, "there are too many peers already");
}
