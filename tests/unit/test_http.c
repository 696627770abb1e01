/* The pages over HTTP, with a real speaker behind them that has no peers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "clock.h"
#include "control/http.h"

static const char configuration[] = "node: {name: node-a}\n"
				    "router: {asn: 64512, listen: {port: 0}}\n"
				    "cluster: {source: none}\n"
				    "fib: {install: false}\n"
				    "metrics: {listen: \"\"}\n";

struct world {
	struct log log;
	struct loop *loop;
	struct speaker *speaker;
	struct control_http *http;
	uint16_t port;
	int receive_buffer; /* of clients; 0: as usual */
};

static void drop_line(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	(void)line;
}

/* The server listens on the first port that is free. */
static void listen_somewhere(struct world *world)
{
	struct error error = {0};

	for (world->port = 17473; !world->http && world->port < 18473; world->port++)
		world->http =
		    control_http_new(world->loop, world->speaker, "", world->port, &error);
	world->port--;
	if (!world->http)
		fail_msg("%s", error.text);
}

static int start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct speaker_options options = {.config_file = "/nonexistent/kbgpd.yaml", .hash_seed = 1};
	struct text errors = {0};
	struct config *config;
	struct error error;

	/* As in the daemon: libevent writes to sockets without MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	world->log.sink = drop_line;
	world->loop = loop_new();
	options.loop = world->loop;
	options.log = &world->log;
	config = config_parse(
	    configuration, sizeof(configuration) - 1, "kbgpd.yaml", &options.environment, &errors);
	if (!config)
		fail_msg("%s", errors.string);
	world->speaker = speaker_new(&options, config, &error);
	if (!world->speaker)
		fail_msg("%s", error.text);
	listen_somewhere(world);
	*state = world;
	return 0;
}

static int stop(void **state)
{
	struct world *world = *state;

	control_http_free(world->http);
	speaker_free(world->speaker);
	loop_free(world->loop);
	free(world);
	return 0;
}

static int dial(const struct world *world, int family)
{
	const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in ipv4 = {.sin_family = AF_INET,
	    .sin_port = htons(world->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6,
	    .sin6_port = htons(world->port),
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const bool is_ipv4 = family == AF_INET;

	if (fd >= 0 && world->receive_buffer)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &world->receive_buffer, sizeof(int));
	if (fd < 0 ||
	    connect(fd, is_ipv4 ? (const struct sockaddr *)&ipv4 : (const struct sockaddr *)&ipv6,
		is_ipv4 ? sizeof(ipv4) : sizeof(ipv6)) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* The whole response. */
static void ask(struct world *world, int family, const char *request, struct text *response)
{
	const int fd = dial(world, family);

	assert_true(fd >= 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	for (int i = 0; i < 2000; i++) {
		char bytes[4096];
		const ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (!length || (length < 0 && errno == ECONNRESET))
			break;
		if (length > 0)
			text_append_bytes(response, bytes, (size_t)length);
		loop_run_once(world->loop, 1);
	}
	close(fd);
	assert_true(response->length > 0);
}

static void test_pages_and_what_is_no_page(void **state)
{
	static const struct {
		const char *request;
		const char *status;
		const char *content;
	} cases[] = {
	    {"GET /metrics HTTP/1.0\r\n\r\n", "200", "\nkbgpd_build_info{version="},
	    {"GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200", "\nkbgpd_build_info{version="},
	    {"GET /metrics HTTP/1.0\r\n\r\n", "200", "\nkbgpd_memory_bytes{kind=\"queues\"} 0\n"},
	    {"GET /healthz HTTP/1.0\r\n\r\n", "200", "ok\n"},
	    {"GET / HTTP/1.0\r\n\r\n", "404", "/metrics"},
	    {"GET /metrics/x HTTP/1.0\r\n\r\n", "404", "not found"},
	    {"POST /metrics HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "405", "Allow: GET"},
	    {"DELETE /healthz HTTP/1.0\r\n\r\n", "405", "only GET"},
	    {"nonsense\r\n\r\n", "400", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text response = {0};

		ask(*state, AF_INET, cases[i].request, &response);
		if (strncmp(response.string + strlen("HTTP/1.x "), cases[i].status, 3) ||
		    !strstr(response.string, cases[i].content))
			fail_msg("%s: %s", cases[i].request, response.string);
		text_free(&response);
	}
}

static const char metrics_request[] = "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n";

/* Turns without time make it part by part. */
static void test_metrics_come_whole_in_slices(void **state)
{
	struct world *world = *state;
	struct text response = {0};

	loop_set_share(world->loop, 0);
	ask(world, AF_INET, metrics_request, &response);
	assert_non_null(strstr(response.string, "HTTP/1.1 200 OK"));
	assert_non_null(strstr(response.string, "# TYPE kbgpd_build_info gauge"));
	assert_non_null(strstr(response.string, "\nkbgpd_leave_state{state=\"staying\"} 1\n"));
	assert_non_null(strstr(response.string, "kbgpd_announce_seconds_count"));
	text_free(&response);
}

/* The client goes, or the server does, while a page is being made. */
static void test_pages_that_nobody_gets_are_given_up(void **state)
{
	struct world *world = *state;

	loop_set_share(world->loop, 0);
	for (int turns = 1; turns < 60; turns += 3) {
		const int fd = dial(world, AF_INET);

		assert_int_equal(send(fd, metrics_request, sizeof(metrics_request) - 1, 0),
		    sizeof(metrics_request) - 1);
		for (int i = 0; i < turns; i++)
			loop_run_once(world->loop, 1);
		close(fd);
		for (int i = 0; turns % 2 && i < 100; i++)
			loop_run_once(world->loop, 0);
		if (turns % 4 != 0)
			continue;
		control_http_free(world->http);
		world->http = NULL;
		listen_somewhere(world);
	}
}

static int count_answers(const int *clients, int count, const char *status)
{
	int found = 0;

	for (int i = 0; i < count; i++) {
		char bytes[16] = "";

		found += recv(clients[i], bytes, sizeof(bytes) - 1, MSG_DONTWAIT | MSG_PEEK) > 0 &&
			 strstr(bytes, status);
	}
	return found;
}

static void turn(struct world *world, int turns)
{
	for (int i = 0; i < turns; i++)
		loop_run_once(world->loop, 1);
}

/* Each of them is memory for as long as it is made. */
static void test_so_many_pages_are_made_at_once(void **state)
{
	struct world *world = *state;
	struct text response = {0};
	int clients[40];

	loop_set_share(world->loop, 0);
	for (int i = 0; i < 40; i++) {
		clients[i] = dial(world, AF_INET);
		assert_true(clients[i] >= 0);
		assert_int_equal(send(clients[i], metrics_request, sizeof(metrics_request) - 1, 0),
		    sizeof(metrics_request) - 1);
		turn(world, 2);
	}
	for (int i = 0; i < 1000 && count_answers(clients, 40, "HTTP") < 40; i++)
		turn(world, 10);
	assert_int_equal(
	    count_answers(clients, 40, " 200") + count_answers(clients, 40, " 503"), 40);
	assert_true(count_answers(clients, 40, " 503") > 0);
	for (int i = 0; i < 40; i++)
		close(clients[i]);
	ask(world, AF_INET, metrics_request, &response);
	assert_non_null(strstr(response.string, "HTTP/1.1 200 OK"));
	text_free(&response);
}

/* A client that asks again and again, and reads nothing. */
static int dial_deaf(const struct world *world)
{
	static const char again[] = "GET /metrics HTTP/1.1\r\n\r\n";
	const int fd = dial(world, AF_INET);

	assert_true(fd >= 0);
	for (int i = 0; i < 400; i++)
		assert_int_equal(send(fd, again, sizeof(again) - 1, 0), sizeof(again) - 1);
	return fd;
}

/* Asks for the metrics until they are answered with this status. */
static void ask_until(struct world *world, const char *status)
{
	struct text response = {0};

	text_append(&response, "%s", "");
	for (int i = 0; i < 100 && !strstr(response.string, status); i++) {
		turn(world, 10);
		text_clear(&response);
		ask(world, AF_INET, metrics_request, &response);
	}
	assert_non_null(strstr(response.string, status));
	text_free(&response);
}

static void test_pages_that_nobody_takes_are_limited(void **state)
{
	struct world *world = *state;
	struct text response = {0};
	int clients[20];

	world->receive_buffer = 2048;
	for (int i = 0; i < 20; i++)
		clients[i] = dial_deaf(world);
	turn(world, 300);
	world->receive_buffer = 0;
	ask_until(world, " 503 ");
	ask(world, AF_INET, "GET /healthz HTTP/1.0\r\n\r\n", &response);
	assert_non_null(strstr(response.string, " 200 "));
	text_free(&response);
	for (int i = 0; i < 20; i++)
		close(clients[i]);
	ask_until(world, "HTTP/1.1 200 OK");
}

static void test_both_families_are_served(void **state)
{
	struct text response = {0};
	const int fd = dial(*state, AF_INET6);

	/* A host without IPv6 has nothing to show here. */
	if (fd < 0) {
		assert_true(errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
		return;
	}
	close(fd);
	ask(*state, AF_INET6, "GET /healthz HTTP/1.0\r\n\r\n", &response);
	assert_non_null(strstr(response.string, " 200 "));
	text_free(&response);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void test_readiness_follows_the_speaker(void **state)
{
	struct world *world = *state;
	struct text response = {0};

	for (int i = 0; i < 5000 && !speaker_is_ready(world->speaker); i++)
		loop_run_once(world->loop, 1);
	assert_true(speaker_is_ready(world->speaker));
	ask(world, AF_INET, "GET /readyz HTTP/1.0\r\n\r\n", &response);
	assert_non_null(strstr(response.string, " 200 "));
	text_clear(&response);
	speaker_stop(world->speaker, nothing, NULL);
	ask(world, AF_INET, "GET /readyz HTTP/1.0\r\n\r\n", &response);
	assert_non_null(strstr(response.string, " 503 "));
	assert_non_null(strstr(response.string, "\r\n\r\nnot ready: kbgpd is stopping\n"));
	text_free(&response);
}

static void test_a_port_in_use_is_an_error_that_names_the_key(void **state)
{
	struct world *world = *state;
	struct error error;

	assert_null(control_http_new(world->loop, world->speaker, "", world->port, &error));
	assert_non_null(strstr(error.text, "metrics.listen"));
	assert_null(
	    control_http_new(world->loop, world->speaker, "127.0.0.1", world->port, &error));
}

static void test_it_can_be_made_again_on_the_same_port(void **state)
{
	struct world *world = *state;
	struct error error = {0};

	control_http_free(world->http);
	world->http = control_http_new(world->loop, world->speaker, "", world->port, &error);
	if (!world->http)
		fail_msg("%s", error.text);
}

/* Without a rest each of these turns would end at once, with the same connection again. */
static void test_out_of_descriptors_it_rests_and_goes_on(void **state)
{
	struct world *world = *state;
	struct text response = {0};
	struct rlimit limit, low;
	uint64_t begin;
	int clients[16], count = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	clients[0] = dup(0);
	assert_true(clients[0] >= 0);
	low.rlim_cur = (rlim_t)clients[0] + 8;
	close(clients[0]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while (count < 16 && (clients[count] = dial(world, AF_INET)) >= 0)
		count++;
	assert_in_range(count, 1, 15);
	/* What else is to be done at first is over. */
	for (int i = 0; i < 100; i++)
		loop_run_once(world->loop, 0);
	begin = loop_now(world->loop);
	for (int i = 0; i < 20; i++)
		loop_run_once(world->loop, 20);
	assert_true(loop_now(world->loop) - begin >= 100);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (count)
		close(clients[--count]);
	ask(world, AF_INET, "GET /healthz HTTP/1.0\r\n\r\n", &response);
	assert_non_null(strstr(response.string, "200"));
	text_free(&response);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_pages_and_what_is_no_page, start, stop),
	    cmocka_unit_test_setup_teardown(test_metrics_come_whole_in_slices, start, stop),
	    cmocka_unit_test_setup_teardown(test_pages_that_nobody_gets_are_given_up, start, stop),
	    cmocka_unit_test_setup_teardown(test_so_many_pages_are_made_at_once, start, stop),
	    cmocka_unit_test_setup_teardown(test_pages_that_nobody_takes_are_limited, start, stop),
	    cmocka_unit_test_setup_teardown(test_both_families_are_served, start, stop),
	    cmocka_unit_test_setup_teardown(test_readiness_follows_the_speaker, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_port_in_use_is_an_error_that_names_the_key, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_it_can_be_made_again_on_the_same_port, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_out_of_descriptors_it_rests_and_goes_on, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
