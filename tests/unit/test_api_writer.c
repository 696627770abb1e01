/*
 * Writing to a scripted API server: what is sent, what is tried again and what is not, and what
 * falls out of the queue.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "api_rig.h"
#include "k8s/api_writer.h"

struct world {
	struct api_rig *rig;
	struct k8s_api_writer *writer;
	struct text trouble;
};

static void on_trouble(void *arg, const char *resource, const char *what)
{
	struct world *world = arg;

	text_append(&world->trouble, "[%s: %s]", resource, what ? what : "over");
}

static int start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct k8s_writer_settings settings = {.random_seed = 1,
	    .backoff_first_ms = 1,
	    .backoff_limit_ms = 4,
	    .trouble = on_trouble,
	    .arg = world};

	world->rig = rig_new();
	settings.loop = world->rig->loop;
	settings.access = &world->rig->access;
	world->writer = k8s_api_writer_new(&settings, NULL);
	text_append(&world->trouble, "%s", "");
	*state = world;
	return 0;
}

static int stop(void **state)
{
	struct world *world = *state;

	k8s_api_writer_free(world->writer);
	rig_free(world->rig);
	text_free(&world->trouble);
	free(world);
	return 0;
}

static void put_event(struct world *world, const char *name, const char *body)
{
	const struct k8s_write write = {
	    .resource = K8S_EVENTS, .namespace = "shop", .name = name, .body = body};

	k8s_api_writer_put(world->writer, &write);
}

static void put_status(struct world *world, const char *body)
{
	const struct k8s_write write = {
	    .resource = K8S_CONFIG_MAPS, .name = "kbgpd-node-a", .body = body};

	k8s_api_writer_put(world->writer, &write);
}

static struct k8s_writer_counters counters(const struct world *world)
{
	return k8s_api_writer_counters(world->writer);
}

#define EVENT "PATCH /api/v1/namespaces/shop/events/"
#define STATUS "PATCH /api/v1/namespaces/kbgpd-system/configmaps/kbgpd-node-a"
#define APPLY "?fieldManager=kbgpd&force=true HTTP/1.1\r\n"

static void test_one_after_the_other(void **state)
{
	static const struct rig_step steps[] = {
	    {EVENT "a" APPLY,
		"Content-Type: application/apply-patch+yaml\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
		"{}", RIG_WHOLE, 201, NULL},
	    {EVENT "b%2F%20" APPLY, "\r\n\r\n{}", "{}", RIG_WHOLE, 200, NULL},
	    /* In the namespace of the service account. */
	    {STATUS APPLY, "\r\n\r\n{\"c\":1}", "{}", RIG_WHOLE, 200, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 3);
	assert_true(k8s_api_writer_is_idle(world->writer));
	put_event(world, "a", "{\"a\":1}");
	put_event(world, "b/ ", "{}");
	put_status(world, "{\"c\":1}");
	rig_run_until(world->rig, k8s_api_writer_is_idle(world->writer));
	assert_int_equal(world->rig->connection_count, 1);
	assert_int_equal(counters(world).requests[K8S_EVENTS], 2);
	assert_int_equal(counters(world).requests[K8S_CONFIG_MAPS], 1);
	assert_int_equal(counters(world).failures, 0);
	assert_string_equal(world->trouble.string, "");
}

static void test_the_last_state_of_an_object_is_written(void **state)
{
	static const struct rig_step steps[] = {
	    {EVENT "a?", NULL, "{}", RIG_WHOLE, 200, NULL},
	    {STATUS, "{\"s\":3}", "{}", RIG_WHOLE, 200, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 2);
	put_event(world, "a", "{}");
	put_status(world, "{\"s\":1}");
	put_status(world, "{\"s\":2}");
	put_status(world, "{\"s\":3}");
	rig_run_until(world->rig, k8s_api_writer_is_idle(world->writer));
	assert_int_equal(world->rig->step, 2);
	assert_int_equal(counters(world).dropped[K8S_EVENTS], 0);
}

static void test_what_is_under_way_is_not_replaced(void **state)
{
	static const struct rig_step steps[] = {
	    {STATUS, "{\"s\":1}", NULL, RIG_STREAM, 200, NULL},
	    {STATUS, "{\"s\":2}", "{}", RIG_WHOLE, 200, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 2);
	put_status(world, "{\"s\":1}");
	rig_run_until(world->rig, world->rig->stream);
	put_status(world, "{\"s\":2}");
	rig_send(world->rig, "{}");
	rig_end(world->rig);
	rig_run_until(world->rig, k8s_api_writer_is_idle(world->writer));
	assert_int_equal(world->rig->step, 2);
}

static void test_what_may_pass_is_tried_again(void **state)
{
	static const struct rig_step steps[] = {
	    {EVENT "a?", NULL, NULL, RIG_HANG_UP, 0, NULL},
	    {EVENT "a?", NULL, "{}", RIG_WHOLE, 503, NULL},
	    {EVENT "a?", NULL, "{}", RIG_WHOLE, 409, NULL},
	    {EVENT "a?", NULL, "{}", RIG_WHOLE, 429, NULL},
	    {EVENT "a?", NULL, "{}", RIG_WHOLE, 401, NULL},
	    {EVENT "a?", NULL, "{}", RIG_CUT, 200, NULL},
	    {EVENT "a?", NULL, "{}", RIG_WHOLE, 201, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 7);
	put_event(world, "a", "{}");
	rig_run_until(world->rig, k8s_api_writer_is_idle(world->writer));
	assert_int_equal(world->rig->step, 7);
	assert_int_equal(counters(world).failures, 6);
	assert_int_equal(counters(world).dropped[K8S_EVENTS], 0);
	assert_string_equal(world->trouble.string, "");
}

static void test_what_the_server_never_takes_is_given_up(void **state)
{
	static const struct rig_step sorry = {EVENT "a?", NULL, "sorry", RIG_WHOLE, 500, NULL};
	const struct rig_step steps[] = {sorry, sorry, sorry, sorry, sorry, sorry,
	    {EVENT "b?", NULL, "{\"message\":\"what is that\"}", RIG_WHOLE, 422, NULL},
	    {EVENT "c?", NULL, "{}", RIG_WHOLE, 200, NULL}};
	struct world *world = *state;

	rig_play(world->rig, steps, 8);
	put_event(world, "a", "{}");
	put_event(world, "b", "{}");
	put_event(world, "c", "{}");
	rig_run_until(world->rig, k8s_api_writer_is_idle(world->writer));
	assert_int_equal(world->rig->step, 8);
	assert_int_equal(counters(world).dropped[K8S_EVENTS], 2);
	assert_string_equal(world->trouble.string,
	    "[events: refused: 500 ][events: refused: 422 what is that][events: over]");
}

#define FORBIDDEN "{\"message\":\"events is forbidden\"}"

static void test_what_is_forbidden_for_a_moment_is_written(void **state)
{
	static const struct rig_step steps[] = {
	    {EVENT "a?", NULL, FORBIDDEN, RIG_WHOLE, 403, NULL},
	    {EVENT "a?", NULL, "{}", RIG_WHOLE, 200, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 2);
	put_event(world, "a", "{}");
	rig_run_until(world->rig, k8s_api_writer_is_idle(world->writer));
	assert_int_equal(world->rig->step, 2);
	assert_int_equal(counters(world).dropped[K8S_EVENTS], 0);
	assert_string_equal(world->trouble.string, "");
}

static void test_what_is_forbidden_is_told_once_and_not_tried_again(void **state)
{
	static const struct rig_step no = {EVENT "a?", NULL, FORBIDDEN, RIG_WHOLE, 403, NULL};
	const struct rig_step steps[] = {
	    no, no, no, no, no, no, no, no, {STATUS, NULL, "{}", RIG_WHOLE, 200, NULL}};
	struct world *world = *state;

	rig_play(world->rig, steps, 9);
	put_event(world, "a", "{}");
	put_event(world, "b", "{}");
	put_status(world, "{}");
	rig_run_until(world->rig, k8s_api_writer_is_idle(world->writer));
	put_event(world, "c", "{}");
	rig_run_until(world->rig, k8s_api_writer_is_idle(world->writer));
	assert_int_equal(world->rig->step, 9);
	assert_int_equal(counters(world).requests[K8S_EVENTS], 8);
	assert_int_equal(counters(world).dropped[K8S_EVENTS], 3);
	assert_string_equal(world->trouble.string, "[events: forbidden: 403 events is forbidden]");
}

static void test_the_oldest_falls_out_of_a_full_queue(void **state)
{
	static struct rig_step steps[K8S_WRITER_QUEUE_MAX];
	struct world *world = *state;
	char names[K8S_WRITER_QUEUE_MAX + 2][16];

	rig_stop_listening(world->rig);
	for (size_t i = 0; i < K8S_WRITER_QUEUE_MAX + 2; i++) {
		snprintf(names[i], sizeof(names[i]), "number-%zu", i);
		put_event(world, names[i], "{}");
		if (i >= 2)
			steps[i - 2] =
			    (struct rig_step){names[i], NULL, "{}", RIG_WHOLE, 200, NULL};
	}
	assert_int_equal(counters(world).dropped[K8S_EVENTS], 2);
	rig_run_until(world->rig, counters(world).failures > 3);
	rig_play(world->rig, steps, K8S_WRITER_QUEUE_MAX);
	rig_listen(world->rig);
	rig_run_until(world->rig, k8s_api_writer_is_idle(world->writer));
	assert_int_equal(world->rig->step, K8S_WRITER_QUEUE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_one_after_the_other, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_the_last_state_of_an_object_is_written, start, stop),
	    cmocka_unit_test_setup_teardown(test_what_is_under_way_is_not_replaced, start, stop),
	    cmocka_unit_test_setup_teardown(test_what_may_pass_is_tried_again, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_what_the_server_never_takes_is_given_up, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_what_is_forbidden_for_a_moment_is_written, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_what_is_forbidden_is_told_once_and_not_tried_again, start, stop),
	    cmocka_unit_test_setup_teardown(test_the_oldest_falls_out_of_a_full_queue, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
