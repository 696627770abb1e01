/*
 * Next-hop objects against a kernel that is a script: what is sent is noted, and the test says what
 * is answered and told.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fib/next_hop_object.h"

#define OURS 186
#define STATIC 4
#define ID(number) (NEXT_HOP_OBJECT_BASE + (number))
#define SENT_MAX 32

struct sent {
	char text[128];
	uint64_t tag;
};

struct fixture {
	struct next_hop_objects objects;
	struct sent sent[SENT_MAX];
	size_t count;
	size_t answered;
	unsigned resent; /* of which the owner has been told */
	unsigned changed;
	uint8_t protocol; /* of what is made */
};

/* The object's number and what is done: "+3 192.0.2.1@2", "=4 3*1 5*2", "-4". */
static void on_send(void *arg, struct nlmsghdr *message, uint64_t tag)
{
	struct kernel_group_member members[KERNEL_HOPS_MAX];
	struct fixture *fixture = arg;
	struct sent *sent = &fixture->sent[fixture->count++];
	struct kernel_next_hop next_hop;
	char address[IP_TEXT_MAX];
	size_t length;
	size_t i;

	assert_true(fixture->count <= SENT_MAX);
	assert_true(next_hop_message_parse(message, &next_hop, members));
	sent->tag = tag;
	length = (size_t)snprintf(sent->text, sizeof(sent->text), "%c%u",
	    message->nlmsg_type == RTM_DELNEXTHOP  ? '-'
	    : message->nlmsg_flags & NLM_F_REPLACE ? '='
						   : '+',
	    next_hop.id - NEXT_HOP_OBJECT_BASE);
	if (message->nlmsg_type == RTM_DELNEXTHOP)
		return;
	assert_int_equal(next_hop.protocol, fixture->protocol);
	for (i = 0; i < next_hop.member_count; i++)
		length += (size_t)snprintf(sent->text + length, sizeof(sent->text) - length,
		    " %u*%u", members[i].id - NEXT_HOP_OBJECT_BASE, members[i].weight);
	if (!next_hop.member_count)
		snprintf(sent->text + length, sizeof(sent->text) - length, " %s@%u",
		    ip_address_print(&next_hop.hop.gateway, address), next_hop.hop.interface);
}

static void on_resend(void *arg, void *owner)
{
	assert_ptr_equal(owner, arg);
	((struct fixture *)arg)->resent++;
}

static void on_changed(void *arg)
{
	((struct fixture *)arg)->changed++;
}

static const struct next_hop_objects_ops ops = {on_send, on_resend, on_changed};

static int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	fixture->protocol = OURS;
	next_hop_objects_init(&fixture->objects, 7, OURS, &ops, fixture);
	next_hop_objects_begin_round(&fixture->objects);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	next_hop_objects_release(&fixture->objects);
	free(fixture);
	return 0;
}

static void assert_sent(struct fixture *fixture, size_t i, const char *text)
{
	assert_true(i < fixture->count);
	assert_string_equal(fixture->sent[i].text, text);
}

/* Answers the next unanswered request. */
static void answer(struct fixture *fixture, int error)
{
	assert_true(fixture->answered < fixture->count);
	next_hop_objects_answered(&fixture->objects, fixture->sent[fixture->answered++].tag, error);
}

static void answer_all(struct fixture *fixture)
{
	while (fixture->answered < fixture->count)
		answer(fixture, 0);
}

/* Hops from "192.0.2.1@2*1 192.0.2.2@3*5". */
static size_t parse_hops(const char *text, struct kernel_hop *hops)
{
	size_t count = 0;
	int used;

	for (; *text; text += used) {
		unsigned interface, weight;
		char address[64];

		assert_int_equal(
		    sscanf(text, "%63[^@]@%u*%u %n", address, &interface, &weight, &used), 3);
		hops[count] = (struct kernel_hop){
		    .has_gateway = true, .interface = interface, .weight = (uint16_t)weight};
		assert_true(ip_address_parse(address, &hops[count++].gateway));
	}
	return count;
}

static struct next_hop_object *make(struct fixture *fixture, const char *text)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	const size_t count = parse_hops(text, hops);
	struct next_hop_object *group =
	    next_hop_group_new(&fixture->objects, fixture, false, hops, count);

	assert_non_null(group);
	return group;
}

/* A group that is in use and known to the kernel. */
static struct next_hop_object *install(struct fixture *fixture, const char *text)
{
	struct next_hop_object *group = make(fixture, text);

	assert_int_equal(next_hop_group_use(&fixture->objects, group), group->id);
	answer_all(fixture);
	return group;
}

static void change(struct fixture *fixture, struct next_hop_object *group, const char *text)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	const size_t count = parse_hops(text, hops);

	next_hop_group_change(&fixture->objects, group, hops, count);
	next_hop_objects_sync(&fixture->objects);
}

static void tell(struct fixture *fixture, struct kernel_next_hop next_hop, bool gone, bool dumped)
{
	struct next_hop_message message;
	struct nlmsghdr *header = next_hop_message_add(&message, &next_hop, 0);

	if (gone)
		header->nlmsg_type = RTM_DELNEXTHOP;
	header->nlmsg_flags = dumped ? NLM_F_MULTI : 0;
	next_hop_objects_message(&fixture->objects, header);
}

static void tell_single(struct fixture *fixture, uint32_t number, const char *hop, uint8_t protocol)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];

	parse_hops(hop, hops);
	tell(fixture,
	    (struct kernel_next_hop){.id = ID(number), .protocol = protocol, .hop = hops[0]}, false,
	    true);
}

static void tell_group(struct fixture *fixture, uint32_t number, uint32_t member, uint8_t protocol)
{
	const struct kernel_group_member members[] = {{ID(member), 1}};

	tell(fixture,
	    (struct kernel_next_hop){
		.id = ID(number), .protocol = protocol, .member_count = 1, .members = members},
	    false, true);
}

static void tell_gone(struct fixture *fixture, uint32_t id)
{
	tell(fixture, (struct kernel_next_hop){.id = id}, true, false);
}

/* Tells of all that we believe to be there, but of one id. */
static void check_without(struct fixture *fixture, uint32_t missing)
{
	uint32_t number;

	next_hop_objects_begin_check(&fixture->objects);
	for (number = 0; number < fixture->objects.capacity; number++) {
		const struct next_hop_object *object = fixture->objects.by_number[number];

		if (object && object->present && object->id != missing)
			tell(fixture,
			    (struct kernel_next_hop){.id = object->id,
				.protocol = object->protocol,
				.hop = object->hop,
				.member_count = object->member_count,
				.members = object->members},
			    false, true);
	}
	next_hop_objects_end_check(&fixture->objects);
	next_hop_objects_sync(&fixture->objects);
}

/* A complete round; `used` is an id that a route of ours has, or 0. */
static void go_round(struct fixture *fixture, uint32_t used)
{
	next_hop_objects_begin_round(&fixture->objects);
	check_without(fixture, 0);
	if (used)
		next_hop_objects_used(&fixture->objects, used, true);
	next_hop_objects_collect(&fixture->objects);
}

/* Making */

static void test_hops_are_shared_and_groups_are_made_when_used(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *both = make(fixture, "192.0.2.1@2*1 192.0.2.2@3*5");
	struct next_hop_object *one = make(fixture, "192.0.2.1@2*1");

	assert_int_equal(fixture->count, 0);
	assert_int_equal(next_hop_group_id(both), 0);
	assert_int_equal(next_hop_group_use(&fixture->objects, both), ID(0));
	assert_sent(fixture, 0, "+1 192.0.2.1@2");
	assert_sent(fixture, 1, "+2 192.0.2.2@3");
	assert_sent(fixture, 2, "+0 1*1 2*5");
	assert_int_equal(next_hop_group_use(&fixture->objects, both), ID(0));
	assert_int_equal(next_hop_group_use(&fixture->objects, one), ID(3));
	assert_sent(fixture, 3, "+3 1*1");
	assert_int_equal(fixture->count, 4);
	answer_all(fixture);
	assert_int_equal(fixture->resent, 0);
}

static void test_group_that_moves_is_one_request(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	change(fixture, group, "192.0.2.9@2*1");
	assert_sent(fixture, 2, "+2 192.0.2.9@2");
	assert_sent(fixture, 3, "=0 2*1");
	/* Until that is answered nothing more is asked for, and then only what is wanted in the end. */
	change(fixture, group, "192.0.2.8@2*1");
	change(fixture, group, "192.0.2.9@2*1 192.0.2.1@2*1");
	assert_int_equal(fixture->count, 4);
	answer_all(fixture);
	assert_true(fixture->changed > 0);
	next_hop_objects_sync(&fixture->objects);
	assert_sent(fixture, 4, "=0 2*1 1*1");
	answer_all(fixture);
	next_hop_objects_sync(&fixture->objects);
	change(fixture, group, "192.0.2.1@2*1 192.0.2.9@2*1");
	assert_int_equal(fixture->count, 5);
	assert_int_equal(fixture->resent, 0);
}

/* Losing */

static void test_what_the_kernel_does_with_a_lost_link_is_not_asked_for_again(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *both = install(fixture, "192.0.2.1@2*1 192.0.2.2@3*1");

	next_hop_objects_lose_interface(&fixture->objects, 3);
	change(fixture, both, "192.0.2.1@2*1");
	assert_int_equal(fixture->count, 3);
	assert_int_equal(fixture->resent, 0);
	/* The link is back. */
	change(fixture, both, "192.0.2.1@2*1 192.0.2.2@3*1");
	assert_sent(fixture, 3, "+2 192.0.2.2@3");
	assert_sent(fixture, 4, "=0 1*1 2*1");
}

static void test_group_that_loses_its_last_hop_is_made_again_when_used(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	next_hop_objects_lose_interface(&fixture->objects, 2);
	assert_int_equal(fixture->resent, 1);
	assert_int_equal(next_hop_group_id(group), 0);
	next_hop_objects_sync(&fixture->objects);
	assert_int_equal(fixture->count, 2);
	assert_int_equal(next_hop_group_use(&fixture->objects, group), group->id);
	assert_sent(fixture, 2, "+1 192.0.2.1@2");
	assert_sent(fixture, 3, "+0 1*1");
}

static void test_hop_that_somebody_deletes_is_put_back(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *both = install(fixture, "192.0.2.1@2*1 192.0.2.2@3*1");

	tell_gone(fixture, ID(1));
	next_hop_objects_sync(&fixture->objects);
	assert_sent(fixture, 3, "+1 192.0.2.1@2");
	assert_sent(fixture, 4, "=0 1*1 2*1");
	assert_int_equal(fixture->objects.repaired, 1);
	/* While the requests are out it is deleted once more. */
	tell_gone(fixture, ID(1));
	answer_all(fixture);
	next_hop_objects_sync(&fixture->objects);
	assert_sent(fixture, 5, "+1 192.0.2.1@2");
	assert_sent(fixture, 6, "=0 1*1 2*1");
	assert_int_equal(fixture->resent, 0);
	assert_int_equal(next_hop_group_id(both), both->id);
}

static void test_group_that_somebody_deletes_is_put_back_with_its_routes(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	tell_gone(fixture, group->id);
	assert_int_equal(fixture->resent, 1);
	assert_int_equal(next_hop_group_use(&fixture->objects, group), group->id);
	assert_sent(fixture, 2, "+0 1*1");
}

static void test_what_a_check_does_not_tell_of_is_put_back(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *both = install(fixture, "192.0.2.1@2*1 192.0.2.2@3*1");

	check_without(fixture, 0);
	assert_int_equal(fixture->count, 3);
	check_without(fixture, ID(2));
	assert_sent(fixture, 3, "+2 192.0.2.2@3");
	assert_sent(fixture, 4, "=0 1*1 2*1");
	answer_all(fixture);
	check_without(fixture, both->id);
	assert_int_equal(fixture->resent, 1);
	assert_int_equal(next_hop_group_use(&fixture->objects, both), both->id);
	assert_sent(fixture, 5, "+0 1*1 2*1");
}

static void test_what_is_made_during_a_check_is_not_missing(void **state)
{
	struct fixture *fixture = *state;

	next_hop_objects_begin_check(&fixture->objects);
	install(fixture, "192.0.2.1@2*1");
	next_hop_objects_end_check(&fixture->objects);
	assert_int_equal(fixture->resent, 0);
	assert_int_equal(fixture->objects.repaired, 0);
}

/* Of others */

static void test_changed_objects_are_put_right(void **state)
{
	struct fixture *fixture = *state;

	install(fixture, "192.0.2.1@2*1 192.0.2.2@3*1");
	tell_single(fixture, 1, "192.0.2.66@2*1", OURS);
	assert_sent(fixture, 3, "=1 192.0.2.1@2");
	tell_group(fixture, 0, 2, OURS);
	next_hop_objects_sync(&fixture->objects);
	assert_sent(fixture, 4, "=0 1*1 2*1");
	assert_int_equal(fixture->objects.repaired, 2);
	answer_all(fixture);
	tell_single(fixture, 1, "192.0.2.1@2*1", OURS);
	assert_int_equal(fixture->count, 5);
}

static void test_ids_of_others_are_passed_over(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group;

	tell_single(fixture, 0, "192.0.2.66@2*1", STATIC);
	tell_single(fixture, 2, "192.0.2.67@2*1", OURS);
	group = install(fixture, "192.0.2.1@2*1");
	assert_int_equal(group->id, ID(1));
	assert_sent(fixture, 0, "+3 192.0.2.1@2");
}

static void test_object_that_becomes_somebody_elses_is_left_to_them(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	tell_group(fixture, 0, 1, STATIC);
	assert_int_equal(fixture->resent, 1);
	assert_int_equal(next_hop_group_use(&fixture->objects, group), ID(2));
	assert_sent(fixture, 2, "+2 1*1");
	answer_all(fixture);
	tell_single(fixture, 1, "192.0.2.1@2*1", STATIC);
	next_hop_objects_sync(&fixture->objects);
	assert_sent(fixture, 3, "+3 192.0.2.1@2");
	assert_sent(fixture, 4, "=2 3*1");
}

static void test_id_that_turns_out_to_be_taken_is_changed(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = make(fixture, "192.0.2.1@2*1");

	next_hop_group_use(&fixture->objects, group);
	answer(fixture, 0);
	answer(fixture, EEXIST);
	assert_int_equal(fixture->resent, 1);
	assert_int_equal(next_hop_group_use(&fixture->objects, group), ID(2));
	assert_sent(fixture, 2, "+2 1*1");
}

/* It is our own: its loss was told when it was there again. */
static void test_id_that_turns_out_to_be_our_own_is_no_leak(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	tell_gone(fixture, group->id);
	assert_true(fixture->objects.doubted);
	next_hop_group_use(&fixture->objects, group);
	assert_sent(fixture, 2, "+0 1*1");
	answer(fixture, EEXIST);
	next_hop_group_use(&fixture->objects, group);
	assert_sent(fixture, 3, "+2 1*1");
	answer(fixture, 0);
	tell_group(fixture, 0, 1, OURS);
	go_round(fixture, group->id);
	go_round(fixture, group->id);
	assert_sent(fixture, 4, "-0");
	assert_int_equal(fixture->count, 5);
}

static void test_what_is_told_while_a_request_is_out_is_doubted(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");
	const struct kernel_group_member members[] = {{ID(1), 7}};

	change(fixture, group, "192.0.2.9@2*1");
	assert_false(fixture->objects.doubted);
	tell(fixture,
	    (struct kernel_next_hop){
		.id = group->id, .protocol = OURS, .member_count = 1, .members = members},
	    false, false);
	assert_true(fixture->objects.doubted);
}

/* Refusals */

static void test_refused_group_is_tried_again_after_a_check(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = make(fixture, "192.0.2.1@2*1");

	next_hop_group_use(&fixture->objects, group);
	answer(fixture, ENETDOWN);
	answer(fixture, EINVAL);
	assert_int_equal(fixture->resent, 1);
	assert_int_equal(next_hop_group_use(&fixture->objects, group), 0);
	next_hop_objects_sync(&fixture->objects);
	assert_int_equal(fixture->count, 2);
	check_without(fixture, 0);
	assert_sent(fixture, 2, "+1 192.0.2.1@2");
	assert_sent(fixture, 3, "+0 1*1");
	answer_all(fixture);
	assert_int_equal(fixture->resent, 2);
	assert_int_equal(next_hop_group_use(&fixture->objects, group), group->id);
}

static void test_refused_replacement_leaves_the_object_to_its_routes(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	change(fixture, group, "192.0.2.9@2*1");
	answer(fixture, 0);
	answer(fixture, ENOMEM);
	assert_int_equal(fixture->resent, 1);
	assert_int_equal(next_hop_group_use(&fixture->objects, group), 0);
	/* The check tells what it still has. */
	next_hop_objects_begin_check(&fixture->objects);
	tell_single(fixture, 1, "192.0.2.1@2*1", OURS);
	tell_single(fixture, 2, "192.0.2.9@2*1", OURS);
	tell_group(fixture, 0, 1, OURS);
	next_hop_objects_end_check(&fixture->objects);
	next_hop_objects_sync(&fixture->objects);
	assert_sent(fixture, 4, "=0 2*1");
	assert_int_equal(fixture->objects.repaired, 0);
}

/* No group changes with it, so that nothing else would send it. */
static void test_refused_repair_of_a_hop_is_tried_again_after_a_check(void **state)
{
	struct fixture *fixture = *state;

	install(fixture, "192.0.2.1@2*1");
	tell_single(fixture, 1, "192.0.2.66@2*1", OURS);
	assert_sent(fixture, 2, "=1 192.0.2.1@2");
	answer(fixture, ENOMEM);
	next_hop_objects_begin_check(&fixture->objects);
	tell_single(fixture, 1, "192.0.2.66@2*1", OURS);
	tell_group(fixture, 0, 1, OURS);
	next_hop_objects_end_check(&fixture->objects);
	assert_sent(fixture, 3, "=1 192.0.2.1@2");
}

static void test_group_that_is_there_though_its_answer_was_lost(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = make(fixture, "192.0.2.1@2*1");

	next_hop_group_use(&fixture->objects, group);
	answer(fixture, 0);
	assert_false(fixture->objects.doubted);
	answer(fixture, ENOBUFS);
	assert_true(fixture->objects.doubted);
	assert_int_equal(fixture->resent, 1);
	next_hop_objects_begin_check(&fixture->objects);
	tell_single(fixture, 1, "192.0.2.1@2*1", OURS);
	tell_group(fixture, 0, 1, OURS);
	next_hop_objects_end_check(&fixture->objects);
	next_hop_objects_sync(&fixture->objects);
	assert_int_equal(fixture->count, 2);
	assert_int_equal(fixture->resent, 2);
	assert_int_equal(next_hop_group_use(&fixture->objects, group), group->id);
}

/* Routes that name their hops already are not sent once more after each try. */
static void test_group_that_is_refused_again_leaves_its_routes_alone(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = make(fixture, "192.0.2.1@2*1");

	next_hop_group_use(&fixture->objects, group);
	answer(fixture, 0);
	answer(fixture, EINVAL);
	assert_int_equal(fixture->resent, 1);
	for (unsigned i = 0; i < 3; i++) {
		fixture->objects.doubted = false;
		check_without(fixture, 0);
		assert_sent(fixture, 2 + i, "+0 1*1");
		answer(fixture, EINVAL);
		assert_true(fixture->objects.doubted);
		assert_int_equal(fixture->resent, 1);
		assert_int_equal(next_hop_group_use(&fixture->objects, group), 0);
	}
}

static void test_without_ids_there_is_no_group(void **state)
{
	struct fixture *fixture = *state;
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	struct next_hop_object *last;
	struct next_hop_object *group = NULL;
	uint32_t i;

	for (i = 0; i < NEXT_HOP_OBJECTS_MAX - 1; i++) {
		char text[64];

		last = group;
		snprintf(text, sizeof(text), "10.0.0.1@2*1");
		parse_hops(text, hops);
		group = next_hop_group_new(&fixture->objects, fixture, false, hops, 1);
		assert_non_null(group);
	}
	assert_null(next_hop_group_new(&fixture->objects, fixture, false, hops, 1));
	next_hop_group_release(&fixture->objects, last);
	assert_non_null(next_hop_group_new(&fixture->objects, fixture, false, hops, 1));
	/* No id for the new hop. */
	parse_hops("10.0.0.2@2*1", hops);
	next_hop_group_change(&fixture->objects, group, hops, 1);
	assert_int_equal(next_hop_group_use(&fixture->objects, group), 0);
	assert_int_equal(fixture->resent, 1);
}

/* Removing */

static void test_object_is_removed_when_no_route_has_it_any_more(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");
	const uint32_t id = group->id;

	next_hop_objects_begin_round(&fixture->objects);
	next_hop_group_release(&fixture->objects, group);
	assert_true(fixture->objects.unused);
	/* It was in use when the round began: a route may have been told of before it was sent. */
	next_hop_objects_collect(&fixture->objects);
	go_round(fixture, id);
	assert_int_equal(fixture->count, 2);
	assert_true(fixture->objects.unused);
	go_round(fixture, 0);
	assert_sent(fixture, 2, "-0");
	assert_sent(fixture, 3, "-1");
	answer_all(fixture);
	assert_int_equal(fixture->objects.count, 0);
	go_round(fixture, 0);
	assert_false(fixture->objects.unused);
}

/* A round that ends in between must not forget it. */
static void test_object_that_is_given_up_before_it_is_answered_goes(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = make(fixture, "192.0.2.1@2*1");

	next_hop_group_use(&fixture->objects, group);
	next_hop_group_release(&fixture->objects, group);
	go_round(fixture, 0);
	assert_int_equal(fixture->count, 2);
	assert_true(fixture->objects.unused);
	answer_all(fixture);
	go_round(fixture, 0);
	answer_all(fixture);
	assert_int_equal(fixture->objects.count, 0);
}

static void test_hop_stays_as_long_as_a_group_has_it(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	change(fixture, group, "192.0.2.2@2*1");
	answer(fixture, 0);
	answer(fixture, ENOMEM);
	/* The replacement was refused: the kernel's group has the old hop. */
	next_hop_objects_begin_round(&fixture->objects);
	next_hop_objects_begin_check(&fixture->objects);
	tell_single(fixture, 1, "192.0.2.1@2*1", OURS);
	tell_group(fixture, 0, 1, OURS);
	next_hop_objects_end_check(&fixture->objects);
	next_hop_objects_collect(&fixture->objects);
	assert_int_equal(fixture->count, 4);
	/* A group of somebody else. */
	next_hop_objects_sync(&fixture->objects);
	answer_all(fixture);
	next_hop_objects_begin_round(&fixture->objects);
	check_without(fixture, 0);
	tell_group(fixture, NEXT_HOP_OBJECTS_MAX + 5, 1, STATIC);
	fixture->count = fixture->answered = 0;
	next_hop_objects_collect(&fixture->objects);
	assert_int_equal(fixture->count, 0);
	go_round(fixture, 0);
	assert_sent(fixture, 0, "-1");
}

static void test_objects_of_a_previous_run_go_when_unused(void **state)
{
	struct fixture *fixture = *state;

	tell_single(fixture, 8, "192.0.2.1@2*1", OURS);
	tell_group(fixture, 9, 8, OURS);
	tell_single(fixture, 10, "192.0.2.1@2*1", STATIC);
	go_round(fixture, ID(9));
	assert_int_equal(fixture->count, 0);
	go_round(fixture, 0);
	assert_sent(fixture, 0, "-9");
	assert_sent(fixture, 1, "-8");
	assert_int_equal(fixture->count, 2);
	/* Refused, and tried again. */
	answer(fixture, EBUSY);
	answer(fixture, 0);
	go_round(fixture, 0);
	assert_sent(fixture, 2, "-9");
	answer(fixture, ENOENT);
	assert_int_equal(fixture->objects.count, 1);
}

static void test_hop_that_is_wanted_again_is_kept(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	next_hop_group_release(&fixture->objects, group);
	install(fixture, "192.0.2.1@2*1");
	assert_sent(fixture, 2, "+2 1*1");
	go_round(fixture, 0);
	assert_sent(fixture, 3, "-0");
	assert_int_equal(fixture->count, 4);
}

static void test_withdrawal_takes_all_that_nobody_else_uses(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *mine = install(fixture, "192.0.2.1@2*1");
	struct next_hop_object *theirs = install(fixture, "192.0.2.2@2*1");

	tell_single(fixture, 20, "192.0.2.3@2*1", STATIC);
	next_hop_objects_begin_round(&fixture->objects);
	next_hop_objects_used(&fixture->objects, mine->id, true);
	next_hop_objects_used(&fixture->objects, theirs->id, false);
	next_hop_group_release(&fixture->objects, mine);
	next_hop_group_release(&fixture->objects, theirs);
	fixture->count = fixture->answered = 0;
	next_hop_objects_withdraw(&fixture->objects);
	assert_sent(fixture, 0, "-0");
	assert_sent(fixture, 1, "-1");
	assert_int_equal(fixture->count, 2);
}

static void test_group_is_removed_for_the_sake_of_its_routes(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	next_hop_group_remove(&fixture->objects, group);
	assert_int_equal(fixture->count, 3);
	assert_sent(fixture, 2, fixture->sent[1].text[1] == '0' ? "-0" : "-1");
	answer_all(fixture);
	assert_int_equal(fixture->objects.count, 1);
	/* What the kernel answers to the replacement is about a group that nobody knows by then. */
	group = install(fixture, "192.0.2.1@2*1");
	change(fixture, group, "192.0.2.1@2*1 192.0.2.2@2*1");
	next_hop_group_remove(&fixture->objects, group);
	answer_all(fixture);
	go_round(fixture, 0);
	go_round(fixture, 0);
	answer_all(fixture);
	assert_int_equal(fixture->objects.count, 0);
}

/* Hops that are shared are not taken over into groups of another protocol number. */
static void test_another_protocol_has_hops_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	struct next_hop_object *group = install(fixture, "192.0.2.1@2*1");

	next_hop_group_release(&fixture->objects, group);
	fixture->protocol = OURS + 1;
	next_hop_objects_change_protocol(&fixture->objects, fixture->protocol);
	group = install(fixture, "192.0.2.1@2*1");
	assert_sent(fixture, 2, "+3 192.0.2.1@2");
	assert_sent(fixture, 3, "+2 3*1");
	go_round(fixture, group->id);
	assert_sent(fixture, 4, "-0");
	assert_sent(fixture, 5, "-1");
	answer_all(fixture);
	assert_int_equal(fixture->objects.count, 2);
}

#define object_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    object_test(test_hops_are_shared_and_groups_are_made_when_used),
	    object_test(test_group_that_moves_is_one_request),
	    object_test(test_what_the_kernel_does_with_a_lost_link_is_not_asked_for_again),
	    object_test(test_group_that_loses_its_last_hop_is_made_again_when_used),
	    object_test(test_hop_that_somebody_deletes_is_put_back),
	    object_test(test_group_that_somebody_deletes_is_put_back_with_its_routes),
	    object_test(test_what_a_check_does_not_tell_of_is_put_back),
	    object_test(test_what_is_made_during_a_check_is_not_missing),
	    object_test(test_changed_objects_are_put_right),
	    object_test(test_ids_of_others_are_passed_over),
	    object_test(test_object_that_becomes_somebody_elses_is_left_to_them),
	    object_test(test_id_that_turns_out_to_be_taken_is_changed),
	    object_test(test_id_that_turns_out_to_be_our_own_is_no_leak),
	    object_test(test_what_is_told_while_a_request_is_out_is_doubted),
	    object_test(test_refused_group_is_tried_again_after_a_check),
	    object_test(test_group_that_is_there_though_its_answer_was_lost),
	    object_test(test_group_that_is_refused_again_leaves_its_routes_alone),
	    object_test(test_refused_replacement_leaves_the_object_to_its_routes),
	    object_test(test_refused_repair_of_a_hop_is_tried_again_after_a_check),
	    object_test(test_without_ids_there_is_no_group),
	    object_test(test_object_is_removed_when_no_route_has_it_any_more),
	    object_test(test_object_that_is_given_up_before_it_is_answered_goes),
	    object_test(test_hop_stays_as_long_as_a_group_has_it),
	    object_test(test_objects_of_a_previous_run_go_when_unused),
	    object_test(test_hop_that_is_wanted_again_is_kept),
	    object_test(test_group_is_removed_for_the_sake_of_its_routes),
	    object_test(test_withdrawal_takes_all_that_nobody_else_uses),
	    object_test(test_another_protocol_has_hops_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
