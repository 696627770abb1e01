/*
 * The netlink sockets against a kernel that the test plays: what the real one does under load only,
 * or never.  Lost, late, odd and missing answers, dumps that are interrupted or fall silent.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>

#include "base/memory.h"
#include "clock.h"
#include "fib/netlink.h"
#include "netlink_peer.h"

enum { REQUESTS_MAX = 2048, SILENCE_MS = 2000, RETRY_MS = 50 };

/* What became of a request. */
struct outcome {
	unsigned answers;
	int error;
	char text[64];
};

struct fixture {
	struct loop *loop;
	struct fib_netlink *netlink;
	struct outcome outcomes[REQUESTS_MAX]; /* by tag */
	unsigned asked; /* requests that have come to the kernel */
	unsigned idle;
	unsigned messages;
	unsigned overruns;
	unsigned messages_at_overrun;
	unsigned dumped, incomplete;
	bool congested; /* the kernel drops answers until all have been read */
	void (*script)(struct fixture *fixture, const struct nlmsghdr *message);
	struct nlmsghdr dump; /* the last one that was asked for */
	unsigned dumps;
};

/* The user of the sockets */

static void on_message(void *arg, const struct nlmsghdr *message)
{
	(void)message;
	((struct fixture *)arg)->messages++;
}

static void on_answered(void *arg, uint64_t tag, int error, const char *text)
{
	struct outcome *outcome = &((struct fixture *)arg)->outcomes[tag];

	outcome->answers++;
	outcome->error = error;
	snprintf(outcome->text, sizeof(outcome->text), "%s", text ? text : "");
}

static void on_dumped(void *arg, int type, bool complete)
{
	struct fixture *fixture = arg;

	assert_int_equal(type, RTM_GETLINK);
	fixture->dumped += complete;
	fixture->incomplete += !complete;
}

static void on_overrun(void *arg)
{
	struct fixture *fixture = arg;

	fixture->overruns++;
	fixture->messages_at_overrun = fixture->messages;
}

static void on_idle(void *arg)
{
	((struct fixture *)arg)->idle++;
}

static const struct fib_netlink_ops ops = {
    .message = on_message,
    .answered = on_answered,
    .dumped = on_dumped,
    .overrun = on_overrun,
    .idle = on_idle,
};

/* The kernel */

static void asked(void *arg, enum peer_role role, const struct nlmsghdr *message)
{
	struct fixture *fixture = arg;

	if (role == PEER_EVENTS) {
		fixture->dump = *message;
		fixture->dumps++;
		return;
	}
	fixture->asked++;
	if (fixture->script)
		fixture->script(fixture, message);
	else if (message->nlmsg_flags & NLM_F_ACK)
		peer_answer(message, 0, NULL);
}

/* Every third request is refused. */
static void refuse_each_third(struct fixture *fixture, const struct nlmsghdr *message)
{
	if (fixture->asked % 3 == 0)
		peer_answer(message, EINVAL, "Invalid whatever");
	else if (message->nlmsg_flags & NLM_F_ACK)
		peer_answer(message, 0, NULL);
}

/* The fourth answer of a batch finds no room, nor does what comes until all has been read. */
static void lose_from_the_fourth_on(struct fixture *fixture, const struct nlmsghdr *message)
{
	struct peer_socket *socket = &netlink_peer.sockets[PEER_REQUESTS];

	if (!socket->first)
		fixture->congested = false;
	if (fixture->congested)
		return;
	if (fixture->asked <= 3) {
		peer_answer(message, EINVAL, "Invalid whatever");
	} else if (fixture->asked == 4) {
		struct peer_packet *packet = peer_make_packet(NULL, 0, ENOBUFS);

		/* The error of a socket is told before what it has. */
		packet->next = socket->first;
		socket->first = packet;
		fixture->congested = true;
	} else if (message->nlmsg_flags & NLM_F_ACK) {
		peer_answer(message, 0, NULL);
	}
}

static void stay_silent(struct fixture *fixture, const struct nlmsghdr *message)
{
	(void)fixture, (void)message;
}

/* The test's own */

static void request(struct fixture *fixture, uint64_t tag)
{
	const struct rtmsg body = {.rtm_family = AF_INET};
	struct peer_message message =
	    peer_message(RTM_NEWROUTE, NLM_F_REQUEST, 0, &body, sizeof(body));

	fib_netlink_request(fixture->netlink, peer_header(&message), tag);
}

static void request_some(struct fixture *fixture, unsigned first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		request(fixture, first + i);
}

static void turns(struct fixture *fixture)
{
	for (unsigned i = 0; i < 200; i++)
		loop_run_once(fixture->loop, 0);
}

static void wait_ms(struct fixture *fixture, uint64_t milliseconds)
{
	clock_ahead_ms += milliseconds;
	turns(fixture);
}

static void assert_outcome(const struct fixture *fixture, unsigned tag, int error, const char *text)
{
	assert_int_equal(fixture->outcomes[tag].answers, 1);
	assert_int_equal(fixture->outcomes[tag].error, error);
	assert_string_equal(fixture->outcomes[tag].text, text);
}

static void assert_outcomes(
    const struct fixture *fixture, unsigned first, unsigned count, int error, const char *text)
{
	for (unsigned i = 0; i < count; i++)
		assert_outcome(fixture, first + i, error, text);
}

static int set_up(void **state)
{
	struct fixture *fixture = memory_allocate_zero(1, sizeof(*fixture));

	peer_start(asked, fixture);
	fixture->loop = loop_new();
	fixture->netlink = fib_netlink_new(fixture->loop, &ops, fixture, NULL);
	assert_non_null(fixture->netlink);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	fib_netlink_free(fixture->netlink);
	loop_free(fixture->loop);
	peer_stop();
	free(fixture);
	return 0;
}

/* Answers */

static void test_each_request_gets_the_answer_of_its_own(void **state)
{
	struct fixture *fixture = *state;

	fixture->script = refuse_each_third;
	request_some(fixture, 0, 1000);
	turns(fixture);
	for (unsigned i = 0; i < 1000; i++)
		assert_outcome(
		    fixture, i, i % 3 == 2 ? EINVAL : 0, i % 3 == 2 ? "Invalid whatever" : "");
	assert_int_equal(fixture->idle, 1);
	assert_true(netlink_peer.sent[PEER_REQUESTS] < 1000 / 20);
}

static void test_answers_before_a_loss_count_and_the_next_batch_is_answered(void **state)
{
	static const char lost[] = "the kernel's answer is lost";
	struct fixture *fixture = *state;

	fixture->script = lose_from_the_fourth_on;
	request_some(fixture, 0, 64);
	turns(fixture);
	assert_outcomes(fixture, 0, 3, EINVAL, "Invalid whatever");
	assert_outcomes(fixture, 3, 29, ENOBUFS, lost);
	assert_outcomes(fixture, 32, 32, 0, "");
	assert_int_equal(fib_netlink_pending(fixture->netlink), 0);
	assert_int_equal(fixture->idle, 1);
}

static void test_answer_that_never_comes_is_lost(void **state)
{
	struct fixture *fixture = *state;

	fixture->script = stay_silent;
	request_some(fixture, 0, 2);
	turns(fixture);
	wait_ms(fixture, SILENCE_MS / 2);
	assert_int_equal(fixture->outcomes[0].answers, 0);
	fixture->script = NULL;
	request_some(fixture, 2, 2);
	turns(fixture);
	assert_int_equal(fixture->outcomes[2].answers, 0);
	wait_ms(fixture, SILENCE_MS);
	assert_outcomes(fixture, 0, 2, ENOBUFS, "the kernel's answer is lost");
	assert_outcomes(fixture, 2, 2, 0, "");
	assert_int_equal(fixture->idle, 1);
}

static void test_answer_that_comes_late_but_comes_counts(void **state)
{
	struct fixture *fixture = *state;
	const struct nlmsghdr first = {.nlmsg_seq = 1};

	fixture->script = stay_silent;
	request(fixture, 0);
	turns(fixture);
	/* The whole process has been asleep: the timer and the answer are there at once. */
	clock_ahead_ms += SILENCE_MS + 1;
	peer_answer(&first, 0, NULL);
	turns(fixture);
	assert_outcome(fixture, 0, 0, "");
}

static void test_kernel_without_memory_is_asked_again(void **state)
{
	static const int errors[] = {ENOBUFS, ENOMEM, EAGAIN};
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		netlink_peer.send_error[PEER_REQUESTS] = errors[i];
		request(fixture, i);
		turns(fixture);
		assert_int_equal(fixture->outcomes[i].answers, 0);
		wait_ms(fixture, RETRY_MS + 1);
		assert_outcome(fixture, i, 0, "");
	}
}

static void test_batch_that_may_not_be_sent_is_refused(void **state)
{
	struct fixture *fixture = *state;

	netlink_peer.send_error[PEER_REQUESTS] = EPERM;
	request_some(fixture, 0, 64);
	turns(fixture);
	assert_outcomes(fixture, 0, 32, EPERM, "");
	assert_outcomes(fixture, 32, 32, 0, "");
	assert_int_equal(fixture->asked, 32);
}

/* Odd answers */

enum odd {
	ODD_SHORT, /* no room for an error in it */
	ODD_LENGTH_ZERO,
	ODD_LENGTH_BEYOND, /* its length leads out of the datagram */
	ODD_TYPE,
	ODD_STRANGER, /* an answer to nobody's request */
	ODD_OTHER_PROCESS,
	ODD_EMPTY,
	ODD_KINDS
};

static void answer_oddly(enum odd odd, const struct nlmsghdr *request)
{
	const struct nlmsgerr body = {.error = -EIO, .msg = *request};
	struct peer_message message =
	    peer_message(NLMSG_ERROR, 0, request->nlmsg_seq, &body, sizeof(body));
	struct nlmsghdr *header = peer_header(&message);

	if (odd == ODD_SHORT)
		header->nlmsg_len = NLMSG_HDRLEN + 4;
	else if (odd == ODD_LENGTH_ZERO)
		header->nlmsg_len = 0;
	else if (odd == ODD_LENGTH_BEYOND)
		header->nlmsg_len += 4;
	else if (odd == ODD_TYPE)
		header->nlmsg_type = NLMSG_OVERRUN;
	else if (odd == ODD_STRANGER)
		header->nlmsg_seq += 1000;
	else if (odd == ODD_EMPTY)
		message.length = 0;
	if (odd == ODD_OTHER_PROCESS)
		peer_deliver_from(99, PEER_REQUESTS, message.bytes, message.length);
	else
		peer_deliver(PEER_REQUESTS, message.bytes, message.length);
}

static void answer_oddly_first(struct fixture *fixture, const struct nlmsghdr *message)
{
	answer_oddly(fixture->asked - 1, message);
	peer_answer(message, 0, NULL);
	peer_answer(message, EIO, "twice");
}

static void test_odd_answers_are_passed_over(void **state)
{
	struct fixture *fixture = *state;

	fixture->script = answer_oddly_first;
	for (unsigned i = 0; i < ODD_KINDS; i++) {
		request(fixture, i);
		turns(fixture);
		assert_outcome(fixture, i, 0, "");
	}
}

static const int no_errors[] = {-1, INT_MAX, INT_MIN, 4096};

static void answer_no_error(struct fixture *fixture, const struct nlmsghdr *message)
{
	const struct nlmsgerr body = {
	    .error = no_errors[fixture->asked - 1] == -1 ? 1 : no_errors[fixture->asked - 1],
	    .msg = *message};
	const struct peer_message answer =
	    peer_message(NLMSG_ERROR, 0, message->nlmsg_seq, &body, sizeof(body));

	peer_deliver(PEER_REQUESTS, answer.bytes, answer.length);
}

static void test_error_that_is_none_is_an_error(void **state)
{
	struct fixture *fixture = *state;

	fixture->script = answer_no_error;
	for (unsigned i = 0; i < sizeof(no_errors) / sizeof(no_errors[0]); i++) {
		request(fixture, i);
		turns(fixture);
		assert_outcome(fixture, i, EPROTO, "");
	}
}

/* The kernel's text, whole or not, in an answer with or without the request. */
static const struct {
	const char *bytes;
	size_t length;
	uint16_t flags;
	uint32_t request_length; /* as the answer has it */
	const char *expected;
} texts[] = {
    {"Cannot", 7, NLM_F_CAPPED | NLM_F_ACK_TLVS, 28, "Cannot"},
    {"Cannot", 7, NLM_F_ACK_TLVS, NLMSG_HDRLEN, "Cannot"},
    {"Cannot", 7, NLM_F_CAPPED, 28, ""}, /* not said to be there */
    {"Cannot", 6, NLM_F_CAPPED | NLM_F_ACK_TLVS, 28, ""}, /* does not end */
    {"", 0, NLM_F_CAPPED | NLM_F_ACK_TLVS, 28, ""},
    {"Cannot", 7, NLM_F_ACK_TLVS, 28,
	""}, /* the attributes are behind a request that is not there */
    {"Cannot", 7, NLM_F_ACK_TLVS, 5000, ""},
    {"Cannot", 7, NLM_F_ACK_TLVS, UINT32_MAX, ""},
    {"Cannot", 7, NLM_F_ACK_TLVS, UINT32_MAX - 2, ""},
};

static void answer_with_text(struct fixture *fixture, const struct nlmsghdr *message)
{
	const unsigned i = fixture->asked - 1;
	const struct nlmsgerr body = {.error = -EINVAL, .msg.nlmsg_len = texts[i].request_length};
	struct peer_message answer =
	    peer_message(NLMSG_ERROR, texts[i].flags, message->nlmsg_seq, &body, sizeof(body));

	peer_put(&answer, NLMSGERR_ATTR_MSG, texts[i].bytes, texts[i].length);
	peer_deliver(PEER_REQUESTS, answer.bytes, answer.length);
}

static void test_text_of_an_answer_is_taken_if_it_is_whole(void **state)
{
	struct fixture *fixture = *state;

	fixture->script = answer_with_text;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		request(fixture, i);
		turns(fixture);
		assert_outcome(fixture, i, EINVAL, texts[i].expected);
	}
}

/* Dumps and notifications */

static void ask_for_dump(struct fixture *fixture)
{
	fib_netlink_dump(fixture->netlink, RTM_GETLINK, AF_UNSPEC);
}

/* One link of the dump that runs. */
static void deliver_link(const struct fixture *fixture, uint16_t flags)
{
	const struct ifinfomsg body = {.ifi_index = 1};
	struct peer_message message = peer_message(RTM_NEWLINK, (uint16_t)(NLM_F_MULTI | flags),
	    fixture->dump.nlmsg_seq, &body, sizeof(body));

	peer_header(&message)->nlmsg_pid = PEER_PORT + PEER_EVENTS;
	peer_deliver(PEER_EVENTS, message.bytes, message.length);
}

static void test_dump_is_complete_at_its_end(void **state)
{
	struct fixture *fixture = *state;

	ask_for_dump(fixture);
	ask_for_dump(fixture);
	assert_int_equal(fixture->dumps, 1);
	deliver_link(fixture, 0);
	peer_end_dump(&fixture->dump, 0, 0);
	turns(fixture);
	assert_int_equal(fixture->dumped, 1);
	assert_int_equal(fixture->dumps, 2);
	peer_end_dump(&fixture->dump, 0, 0);
	turns(fixture);
	assert_int_equal(fixture->dumped, 2);
	assert_int_equal(fixture->incomplete, 0);
}

static void test_interrupted_or_failed_dump_is_incomplete(void **state)
{
	struct fixture *fixture = *state;
	const struct nlmsgerr body = {.error = -EBUSY};
	struct peer_message error;

	ask_for_dump(fixture);
	deliver_link(fixture, NLM_F_DUMP_INTR);
	deliver_link(fixture, 0);
	peer_end_dump(&fixture->dump, 0, 0);
	turns(fixture);
	assert_int_equal(fixture->incomplete, 1);
	ask_for_dump(fixture);
	peer_end_dump(&fixture->dump, NLM_F_DUMP_INTR, 0);
	turns(fixture);
	assert_int_equal(fixture->incomplete, 2);
	ask_for_dump(fixture);
	peer_end_dump(&fixture->dump, 0, -ENOMEM);
	turns(fixture);
	assert_int_equal(fixture->incomplete, 3);
	ask_for_dump(fixture);
	error = peer_message(NLMSG_ERROR, 0, fixture->dump.nlmsg_seq, &body, sizeof(body));
	peer_header(&error)->nlmsg_pid = PEER_PORT + PEER_EVENTS;
	peer_deliver(PEER_EVENTS, error.bytes, error.length);
	turns(fixture);
	assert_int_equal(fixture->incomplete, 4);
	assert_int_equal(fixture->dumped, 0);
}

static void test_dump_that_cannot_be_asked_for_is_incomplete(void **state)
{
	struct fixture *fixture = *state;

	netlink_peer.send_error[PEER_EVENTS] = ENOBUFS;
	ask_for_dump(fixture);
	turns(fixture);
	assert_int_equal(fixture->incomplete, 0);
	wait_ms(fixture, RETRY_MS + 1);
	assert_int_equal(fixture->incomplete, 1);
	ask_for_dump(fixture);
	peer_end_dump(&fixture->dump, 0, 0);
	turns(fixture);
	assert_int_equal(fixture->dumped, 1);
}

static void test_dump_that_falls_silent_is_incomplete_and_a_long_one_is_not(void **state)
{
	struct fixture *fixture = *state;
	struct nlmsghdr silent;

	ask_for_dump(fixture);
	silent = fixture->dump;
	for (unsigned i = 0; i < 10; i++) {
		deliver_link(fixture, 0);
		turns(fixture);
		wait_ms(fixture, SILENCE_MS / 2);
	}
	assert_int_equal(fixture->incomplete, 0);
	wait_ms(fixture, SILENCE_MS);
	wait_ms(fixture, SILENCE_MS);
	assert_int_equal(fixture->incomplete, 1);
	/* Its end comes after all, when the next one has been asked for. */
	ask_for_dump(fixture);
	assert_int_equal(fixture->dumps, 2);
	peer_end_dump(&silent, 0, 0);
	turns(fixture);
	assert_int_equal(fixture->dumped, 0);
	peer_end_dump(&fixture->dump, 0, 0);
	turns(fixture);
	assert_int_equal(fixture->dumped, 1);
	wait_ms(fixture, 3 * SILENCE_MS);
	assert_int_equal(fixture->incomplete, 1);
}

static void test_overrun_is_told_when_the_rest_has_been_read(void **state)
{
	struct fixture *fixture = *state;

	peer_deliver_error(PEER_EVENTS, ENOBUFS);
	for (unsigned i = 0; i < 100; i++)
		deliver_link(fixture, 0);
	turns(fixture);
	assert_int_equal(fixture->overruns, 1);
	assert_int_equal(fixture->messages_at_overrun, 100);
}

/* However many messages are read in a turn, and whether or not there is time for more. */
static void test_overrun_is_told_also_if_the_last_message_ends_a_turn(void **state)
{
	static const uint64_t shares_us[] = {1000000, 0};
	struct fixture *fixture = *state;
	unsigned overruns = 0;

	for (size_t i = 0; i < 2; i++) {
		loop_set_share(fixture->loop, shares_us[i]);
		for (unsigned count = 0; count < 40; count++) {
			peer_deliver_error(PEER_EVENTS, ENOBUFS);
			for (unsigned sent = 0; sent < count; sent++)
				deliver_link(fixture, 0);
			turns(fixture);
			assert_int_equal(fixture->overruns, ++overruns);
		}
	}
}

static void test_overrun_in_the_middle_of_a_dump(void **state)
{
	struct fixture *fixture = *state;

	ask_for_dump(fixture);
	deliver_link(fixture, 0);
	peer_deliver_error(PEER_EVENTS, ENOBUFS);
	deliver_link(fixture, 0);
	peer_end_dump(&fixture->dump, 0, 0);
	turns(fixture);
	assert_int_equal(fixture->messages, 2);
	assert_int_equal(fixture->dumped, 1);
	assert_int_equal(fixture->overruns, 1);
}

static void test_nobody_else_speaks_for_the_kernel(void **state)
{
	struct fixture *fixture = *state;
	const struct ifinfomsg body = {.ifi_index = 1};
	const struct peer_message message = peer_message(RTM_NEWLINK, 0, 0, &body, sizeof(body));

	peer_deliver_from(99, PEER_EVENTS, message.bytes, message.length);
	turns(fixture);
	assert_int_equal(fixture->messages, 0);
	peer_deliver(PEER_EVENTS, message.bytes, message.length);
	turns(fixture);
	assert_int_equal(fixture->messages, 1);
}

static void test_flush_ends_although_nothing_is_answered(void **state)
{
	struct fixture *fixture = *state;

	fixture->script = stay_silent;
	request_some(fixture, 0, 100);
	fib_netlink_flush(fixture->netlink, 10);
	assert_int_equal(fib_netlink_pending(fixture->netlink), 100);
}

#define peer_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    peer_test(test_each_request_gets_the_answer_of_its_own),
	    peer_test(test_answers_before_a_loss_count_and_the_next_batch_is_answered),
	    peer_test(test_answer_that_never_comes_is_lost),
	    peer_test(test_answer_that_comes_late_but_comes_counts),
	    peer_test(test_kernel_without_memory_is_asked_again),
	    peer_test(test_batch_that_may_not_be_sent_is_refused),
	    peer_test(test_odd_answers_are_passed_over),
	    peer_test(test_error_that_is_none_is_an_error),
	    peer_test(test_text_of_an_answer_is_taken_if_it_is_whole),
	    peer_test(test_dump_is_complete_at_its_end),
	    peer_test(test_interrupted_or_failed_dump_is_incomplete),
	    peer_test(test_dump_that_cannot_be_asked_for_is_incomplete),
	    peer_test(test_dump_that_falls_silent_is_incomplete_and_a_long_one_is_not),
	    peer_test(test_overrun_is_told_when_the_rest_has_been_read),
	    peer_test(test_overrun_is_told_also_if_the_last_message_ends_a_turn),
	    peer_test(test_overrun_in_the_middle_of_a_dump),
	    peer_test(test_nobody_else_speaks_for_the_kernel),
	    peer_test(test_flush_ends_although_nothing_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
