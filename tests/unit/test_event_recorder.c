/*
 * Events as they are written: what they refer to, how they are named, and that the same one again is
 * the same object.  With it, UIDs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>

#include "api_rig.h"
#include "k8s/event_recorder.h"

#define UID "123e4567-e89b-12d3-a456-426614174000"

static void test_uids(void **state)
{
	static const char *const none[] = {NULL, "", "x", "123e4567-e89b-12d3-a456-42661417400",
	    "123e4567-e89b-12d3-a456-4266141740000", "123E4567-e89b-12d3-a456-426614174000",
	    "123e4567ae89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-42661417400g"};
	struct k8s_uid uid = k8s_uid_parse(UID);
	char text[K8S_UID_TEXT_MAX];

	(void)state;
	assert_true(k8s_uid_is_known(&uid));
	assert_string_equal(k8s_uid_print(&uid, text), UID);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		uid = k8s_uid_parse(none[i]);
		assert_false(k8s_uid_is_known(&uid));
	}
}

static struct k8s_event_record service_record(void)
{
	return (struct k8s_event_record){.event = {.kind = K8S_SERVICE,
					     .namespace = "shop",
					     .name = "web",
					     .uid = k8s_uid_parse(UID),
					     .reason = "BGPAnnounced",
					     .message = "node-a announces it"},
	    .count = 3,
	    .first_at = 1700000000,
	    .last_at = 1700000060};
}

static void assert_encoded(const struct k8s_event_record *record, const char *expected)
{
	char *body = k8s_event_encode(record, "node-a");
	json_t *value = json_loads(body, 0, NULL);
	json_t *wanted = json_loads(expected, 0, NULL);

	assert_non_null(wanted);
	if (!json_equal(value, wanted))
		fail_msg("%s", body);
	json_decref(value);
	json_decref(wanted);
	free(body);
}

#define SOURCE                                                                                    \
	"\"source\":{\"component\":\"kbgpd\",\"host\":\"node-a\"},"                               \
	"\"reportingComponent\":\"kbgpd\",\"reportingInstance\":\"node-a\","                      \
	"\"firstTimestamp\":\"2023-11-14T22:13:20Z\",\"lastTimestamp\":\"2023-11-14T22:14:20Z\"," \
	"\"count\":3"

static void test_an_event_of_a_service(void **state)
{
	const struct k8s_event_record record = service_record();

	(void)state;
	assert_encoded(&record,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":"
	    "\"web.b24b46fefb76561c\",\"namespace\":\"shop\"},\"involvedObject\":{\"apiVersion\":"
	    "\"v1\",\"kind\":\"Service\",\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"" UID
	    "\"},\"reason\":\"BGPAnnounced\",\"message\":\"node-a announces it\",\"type\":"
	    "\"Normal\"," SOURCE "}");
}

static void test_an_event_of_a_node(void **state)
{
	struct k8s_event_record record = service_record();

	(void)state;
	record.event.kind = K8S_NODE;
	record.event.namespace = "";
	record.event.name = "node-a";
	record.event.reason = "BGPPeerDown";
	record.event.warning = true;
	assert_encoded(&record,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":"
	    "\"node-a.f2c9719909299ceb\",\"namespace\":\"default\"},\"involvedObject\":{\"apiVersion\":"
	    "\"v1\",\"kind\":\"Node\",\"name\":\"node-a\",\"uid\":\"node-a\"},"
	    "\"reason\":\"BGPPeerDown\",\"message\":\"node-a announces it\",\"type\":"
	    "\"Warning\"," SOURCE "}");
}

static void append_name(const struct k8s_event_record *record, const char *node, char *to)
{
	struct text name = {NULL, 0, 0};

	k8s_event_append_name(record, node, &name);
	strcpy(to, name.string);
	text_free(&name);
}

static void test_names(void **state)
{
	struct k8s_event_record record = service_record();
	char name[300], other[300], longest[254];

	(void)state;
	append_name(&record, "node-a", name);
	record.event.message = "other";
	append_name(&record, "node-a", other);
	assert_string_equal(name, other);
	append_name(&record, "node-b", other);
	assert_string_not_equal(name, other);
	record.event.reason = "other";
	append_name(&record, "node-a", other);
	assert_string_not_equal(name, other);
	memset(longest, 'x', 253);
	longest[253] = '\0';
	record.event.name = longest;
	append_name(&record, "node-a", other);
	assert_int_equal(strlen(other), 253);
	/* What the cut leaves is a name, and not that of another object. */
	memcpy(&longest[234], ".-", 2);
	append_name(&record, "node-a", name);
	assert_int_equal(strlen(name), 251);
	longest[252] = 'y';
	append_name(&record, "node-a", other);
	assert_string_not_equal(name, other);
}

static void test_what_happens_is_written(void **state)
{
	static const struct rig_step steps[] = {
	    {"PATCH /api/v1/namespaces/shop/events/web.", "\"message\":\"second\"", "{}", RIG_WHOLE,
		201, NULL},
	};
	struct api_rig *rig = rig_new();
	const struct k8s_writer_settings settings = {.loop = rig->loop,
	    .access = &rig->access,
	    .backoff_first_ms = 1,
	    .backoff_limit_ms = 1};
	struct k8s_api_writer *writer = k8s_api_writer_new(&settings, NULL);
	struct k8s_event_recorder *recorder =
	    k8s_event_recorder_new(rig->loop, writer, "node-a", 1, 0);
	struct k8s_event_record record = service_record();

	(void)state;
	rig_play(rig, steps, 1);
	record.event.message = "first";
	k8s_event_recorder_note(recorder, &record.event);
	record.event.message = "second";
	k8s_event_recorder_note(recorder, &record.event);
	rig_run_until(rig, rig->step == 1 && k8s_api_writer_is_idle(writer));
	assert_int_equal(k8s_event_recorder_told(recorder), 1);
	k8s_event_recorder_free(recorder);
	k8s_api_writer_free(writer);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_uids),
	    cmocka_unit_test(test_an_event_of_a_service),
	    cmocka_unit_test(test_an_event_of_a_node),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_what_happens_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
