/*
 * Requests to a scripted server: what is sent, bodies in pieces, connections that are kept, closed
 * and verified, and why they fail.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/ioctl.h>
#include <sys/wait.h>

#include "api_rig.h"
#include "k8s/connection.h"
#include "k8s/tls.h"

struct world {
	struct api_rig *rig;
	struct k8s_connection *connection;
	struct text body;
	struct text failure;
	struct http_head head;
	unsigned done;
	unsigned pieces;
	bool refuse_body;
};

static void on_head(void *arg, const struct http_head *head)
{
	struct world *world = arg;

	world->head = *head;
}

static bool on_body(void *arg, const char *bytes, size_t length)
{
	struct world *world = arg;

	world->pieces++;
	text_append_bytes(&world->body, bytes, length);
	return !world->refuse_body;
}

static void on_done(void *arg, const char *failure)
{
	struct world *world = arg;

	world->done++;
	text_clear(&world->failure);
	text_append(&world->failure, "%s", failure ? failure : "");
}

static int start(void **state)
{
	static const struct k8s_connection_ops ops = {on_head, on_body, on_done};
	struct world *world = calloc(1, sizeof(*world));

	world->rig = rig_new();
	world->connection = k8s_connection_new(world->rig->loop, &ops, world);
	*state = world;
	return 0;
}

static int stop(void **state)
{
	struct world *world = *state;

	k8s_connection_free(world->connection);
	rig_free(world->rig);
	text_free(&world->body);
	text_free(&world->failure);
	free(world);
	return 0;
}

static void ask_for(struct world *world, const struct k8s_request *request)
{
	struct error error = {{0}};
	struct k8s_access *access = k8s_access_load(&world->rig->access, 0, &error);
	const unsigned done = world->done;

	if (!access)
		fail_msg("%s", error.text);
	text_clear(&world->body);
	k8s_connection_request(world->connection, access, request);
	rig_run_until(world->rig, world->done > done);
}

static void ask(struct world *world)
{
	const struct k8s_request request = {.target = "/version?x=1"};

	ask_for(world, &request);
}

static void test_a_request_and_its_answer(void **state)
{
	static const struct rig_step steps[] = {
	    {"GET /version?x=1 HTTP/1.1\r\nHost: 127.0.0.1:",
		"Authorization: Bearer first-token\r\n", "hello", RIG_WHOLE, 0, NULL},
	    {"Accept: application/json\r\n", "User-Agent: kbgpd/", "again", RIG_WHOLE, 429,
		"Retry-After: 7\r\n"},
	    {"GET", NULL, "one by one", RIG_BYTE_BY_BYTE, 0, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 3);
	ask(world);
	assert_string_equal(world->failure.string, "");
	assert_string_equal(world->body.string, "hello");
	assert_int_equal(world->head.status, 200);
	ask(world);
	assert_int_equal(world->head.status, 429);
	assert_int_equal(world->head.retry_after, 7);
	ask(world);
	assert_string_equal(world->body.string, "one by one");
	/* All over one connection. */
	assert_int_equal(world->rig->connection_count, 1);
}

static void test_a_request_with_a_body(void **state)
{
	static const struct rig_step steps[] = {
	    {"PATCH /api/x HTTP/1.1\r\n",
		"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\": 11}", "{}",
		RIG_WHOLE, 201, NULL},
	    {"GET /version", NULL, "{}", RIG_WHOLE, 0, NULL},
	};
	const struct k8s_request request = {.method = "PATCH",
	    .target = "/api/x",
	    .body = "{\"a\": 11}",
	    .content_type = "application/json"};
	struct world *world = *state;

	rig_play(world->rig, steps, 2);
	ask_for(world, &request);
	assert_int_equal(world->head.status, 201);
	ask(world);
	assert_int_equal(world->head.status, 200);
	assert_int_equal(world->rig->connection_count, 1);
}

static void test_another_token_needs_no_other_connection(void **state)
{
	static const struct rig_step steps[] = {
	    {"Bearer first-token", NULL, "1", RIG_WHOLE, 0, NULL},
	    {"Bearer second-token", NULL, "2", RIG_WHOLE, 0, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 2);
	ask(world);
	rig_write_file(world->rig, "token", "second-token");
	ask(world);
	assert_string_equal(world->body.string, "2");
	assert_int_equal(world->rig->connection_count, 1);
}

static void test_a_kept_connection_that_was_closed_is_made_again(void **state)
{
	static const struct rig_step steps[] = {
	    {"GET", NULL, "1", RIG_WHOLE, 0, NULL},
	    {"GET", NULL, NULL, RIG_HANG_UP, 0, NULL},
	    {"GET", NULL, "2", RIG_WHOLE, 0, NULL},
	    {"GET", NULL, "3", RIG_WHOLE, 0, "Connection: close\r\n"},
	    {"GET", NULL, "4", RIG_WHOLE, 0, NULL},
	    {"GET", NULL, NULL, RIG_HANG_UP, 0, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 6);
	ask(world);
	ask(world);
	assert_string_equal(world->body.string, "2");
	assert_int_equal(world->rig->connection_count, 2);
	ask(world);
	ask(world);
	assert_string_equal(world->body.string, "4");
	assert_int_equal(world->rig->connection_count, 3);
	/* On a new connection that is a failure. */
	rig_close_all(world->rig);
	for (int i = 0; i < 20; i++)
		loop_run_once(world->rig->loop, 1);
	ask(world);
	assert_non_null(strstr(world->failure.string, "127.0.0.1:"));
}

static void test_an_answer_that_is_cut_off_is_a_failure(void **state)
{
	static const struct rig_step steps[] = {
	    {"GET", NULL, "0123456789", RIG_CUT, 0, NULL},
	    {"GET", NULL, "nonsense\r\n", RIG_RAW, 0, NULL},
	    {"GET", NULL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", RIG_RAW, 0, NULL},
	    {"GET", NULL, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", RIG_RAW, 0, NULL},
	    {"GET", NULL, "fine", RIG_WHOLE, 0, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 5);
	ask(world);
	assert_string_not_equal(world->failure.string, "");
	ask(world);
	assert_non_null(strstr(world->failure.string, "no HTTP/1.1"));
	ask(world);
	assert_non_null(strstr(world->failure.string, "Transfer-Encoding"));
	/* What is too much is not taken for the next answer. */
	ask(world);
	assert_string_equal(world->failure.string, "");
	assert_string_equal(world->body.string, "a");
	ask(world);
	assert_string_equal(world->body.string, "fine");
}

static void test_a_silent_body_and_a_long_one_are_given_up(void **state)
{
	static const struct rig_step steps[] = {
	    {"GET", NULL, "begin", RIG_STREAM, 0, NULL},
	    {"GET", NULL, "begin", RIG_STREAM, 0, NULL},
	};
	static const struct k8s_request silent = {.target = "/", .silence_ms = 1};
	static const struct k8s_request whole = {.target = "/", .total_ms = 1};
	struct world *world = *state;

	rig_play(world->rig, steps, 2);
	ask_for(world, &silent);
	assert_non_null(strstr(world->failure.string, "does not go on"));
	ask_for(world, &whole);
	assert_non_null(strstr(world->failure.string, "does not go on"));
}

static void test_a_body_that_is_not_wanted_ends_the_connection(void **state)
{
	static const struct rig_step steps[] = {
	    {"GET", NULL, "much", RIG_STREAM, 0, NULL},
	    {"GET", NULL, "2", RIG_WHOLE, 0, NULL},
	};
	struct world *world = *state;

	rig_play(world->rig, steps, 2);
	world->refuse_body = true;
	ask(world);
	assert_string_not_equal(world->failure.string, "");
	world->refuse_body = false;
	ask(world);
	assert_int_equal(world->rig->connection_count, 2);
}

static void test_the_certificate_and_its_name_are_verified(void **state)
{
	static const struct {
		const char *names;
		const char *host;
		const char *problem; /* "" : none */
	} cases[] = {
	    {"IP:127.0.0.1", "127.0.0.1", ""},
	    {"DNS:localhost", "localhost", ""},
	    {"DNS:localhost", "127.0.0.1", "IP address mismatch"},
	    {"IP:127.0.0.1", "localhost", "hostname mismatch"},
	    {"DNS:127.0.0.1", "127.0.0.1", "IP address mismatch"},
	    /* The common name is "server": it counts for nothing. */
	    {"DNS:other", "localhost", "set tls-server-name"},
	};
	static const struct rig_step steps[] = {{"GET", NULL, "ok", RIG_WHOLE, 0, NULL}};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_serve_names(world->rig, cases[i].names);
		world->rig->access.service_host = cases[i].host;
		rig_play(world->rig, steps, 1);
		k8s_connection_close(world->connection);
		ask(world);
		if (!cases[i].problem[0] ? world->failure.string[0]
					 : !strstr(world->failure.string, cases[i].problem))
			fail_msg("%s for %s: \"%s\"", cases[i].names, cases[i].host,
			    world->failure.string);
	}
}

static void ask_by_name(struct world *world, const char *names, const char *server_name)
{
	static const struct rig_step steps[] = {{"GET", NULL, "ok", RIG_WHOLE, 0, NULL}};
	static const struct k8s_request request = {.target = "/"};
	struct k8s_access *access = k8s_access_load(&world->rig->access, 0, NULL);
	const unsigned done = world->done;

	access->server_name = memory_copy_string(server_name);
	rig_serve_names(world->rig, names);
	rig_play(world->rig, steps, 1);
	k8s_connection_close(world->connection);
	k8s_connection_request(world->connection, access, &request);
	rig_run_until(world->rig, world->done > done);
}

/* That of each certificate here is "server". */
static void test_a_common_name_is_no_name(void **state)
{
	struct world *world = *state;

	ask_by_name(world, "", "server");
	assert_non_null(strstr(world->failure.string, "hostname mismatch"));
}

static void test_the_dot_of_the_root_is_no_part_of_a_name(void **state)
{
	struct world *world = *state;

	ask_by_name(world, "DNS:api.example.com", "api.example.com.");
	assert_string_equal(world->failure.string, "");
	ask_by_name(world, "DNS:api.example.com", "api.example.com..");
	assert_non_null(strstr(world->failure.string, "hostname mismatch"));
}

/* Where there is no terminal, OpenSSL would read a password from the standard input. */
static int read_encrypted_authority(void)
{
	static char pem[] = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
			    "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
			    "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n";
	const struct k8s_access access = {.server.host = (char[]){"host"}, .authorities = pem};
	struct error error = {{0}};
	int ends[2];
	int left = 0;

	setsid();
	if (pipe(ends) < 0 || dup2(ends[0], STDIN_FILENO) < 0 || write(ends[1], "word\n", 5) != 5)
		return 1;
	if (k8s_tls_new(&access, &error) || !strstr(error.text, "is no PEM of certificates"))
		return 2;
	return ioctl(STDIN_FILENO, FIONREAD, &left) < 0 || left != 5 ? 3 : 0;
}

static void test_nobody_is_asked_for_a_password(void **state)
{
	const pid_t child = fork();
	int status;

	(void)state;
	if (!child)
		_exit(read_encrypted_authority());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_ipv6(void **state)
{
	static const struct rig_step steps[] = {{"Host: [::1]:", NULL, "ok", RIG_WHOLE, 0, NULL},
	    {"GET", NULL, "ok", RIG_WHOLE, 0, NULL}};
	struct world *world = *state;

	rig_stop_listening(world->rig);
	/* A host without IPv6 has nothing to show here. */
	if (!rig_listen_on(world->rig, "::1"))
		return;
	rig_serve_names(world->rig, "IP:0:0:0:0:0:0:0:1,DNS:localhost");
	world->rig->access.service_host = "::1";
	rig_play(world->rig, steps, 2);
	ask(world);
	assert_string_equal(world->failure.string, "");
	assert_string_equal(world->body.string, "ok");
}

/* A name with two addresses, of which one leads nowhere. */
static void test_the_next_address_of_a_name_is_tried(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};
	static const struct rig_step steps[] = {{"GET", NULL, "ok", RIG_WHOLE, 0, NULL}};
	struct world *world = *state;

	world->rig->access.service_host = "localhost";
	for (size_t i = 0; i < 2; i++) {
		rig_stop_listening(world->rig);
		if (!rig_listen_on(world->rig, addresses[i]))
			return;
		k8s_connection_close(world->connection);
		rig_play(world->rig, steps, 1);
		ask(world);
		if (i && strstr(world->failure.string, "(127.0.0.1)"))
			return; /* localhost has no IPv6 address here */
		assert_string_equal(world->failure.string, "");
	}
}

static void test_an_unknown_authority_is_refused(void **state)
{
	struct world *world = *state;
	struct api_rig other = {.access = world->rig->access};

	rig_make_authority(&other);
	rig_write_file(world->rig, "ca.crt", other.authority);
	ask(world);
	assert_non_null(strstr(world->failure.string, "the server's certificate is refused"));
	/* As soon as the right one is there the next request goes through. */
	static const struct rig_step steps[] = {{"GET", NULL, "ok", RIG_WHOLE, 0, NULL}};
	rig_play(world->rig, steps, 1);
	rig_write_file(world->rig, "ca.crt", world->rig->authority);
	ask(world);
	assert_string_equal(world->body.string, "ok");
	X509_free(other.authority_certificate);
	EVP_PKEY_free(other.authority_key);
	free(other.authority);
	free(other.client_certificate);
	free(other.client_key);
}

/* With a kubeconfig the client shows its certificate, and the server asks for it. */
static void test_a_client_certificate_is_shown(void **state)
{
	static const struct rig_step steps[] = {
	    {"GET /prefix/version", NULL, "ok", RIG_WHOLE, 0, NULL}};
	struct world *world = *state;
	struct api_rig *rig = world->rig;
	struct text config = {NULL, 0, 0};
	char path[128];

	SSL_CTX_set_verify(rig->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(rig->tls), rig->authority_certificate);
	rig_play(rig, steps, 1);
	ask(world);
	assert_string_not_equal(world->failure.string, "");
	rig_write_file(rig, "token", rig->client_certificate);
	rig_write_file(rig, "namespace", rig->client_key);
	text_append(&config,
	    "current-context: c\n"
	    "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
	    "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:%u/prefix/', "
	    "certificate-authority: ca.crt}}]\n"
	    "users: [{name: u, user: {client-certificate: token, client-key: namespace}}]\n",
	    rig->port);
	rig_write_file(rig, "kubeconfig", config.string);
	snprintf(path, sizeof(path), "%s/kubeconfig", rig->folder);
	rig->access.kubeconfig = path;
	rig_play(rig, steps, 1);
	ask(world);
	assert_string_equal(world->failure.string, "");
	assert_string_equal(world->body.string, "ok");
	text_free(&config);
}

static void test_nobody_listens(void **state)
{
	struct world *world = *state;

	rig_stop_listening(world->rig);
	ask(world);
	assert_non_null(strstr(world->failure.string, "Connection refused"));
	world->rig->access.service_host = "name.invalid";
	ask(world);
	assert_non_null(strstr(world->failure.string, "name.invalid"));
	assert_non_null(strstr(world->failure.string, "cannot be resolved"));
}

/* Freed at every point of its life. */
static void test_it_can_be_freed_at_any_time(void **state)
{
	static const struct rig_step steps[] = {{"GET", NULL, "some", RIG_STREAM, 0, NULL}};
	static const struct k8s_connection_ops ops = {on_head, on_body, on_done};
	static const struct k8s_request request = {.target = "/"};
	struct world *world = *state;
	static const char *const hosts[] = {"127.0.0.1", "localhost", "name.invalid"};

	for (int turns = 0; turns < 24; turns++) {
		struct k8s_connection *connection =
		    k8s_connection_new(world->rig->loop, &ops, world);

		rig_play(world->rig, steps, 1);
		world->rig->access.service_host = hosts[turns % 3];
		k8s_connection_request(
		    connection, k8s_access_load(&world->rig->access, 0, NULL), &request);
		for (int i = 0; i < turns; i++)
			loop_run_once(world->rig->loop, 1);
		k8s_connection_free(connection);
	}
}

/* The last thing that happens is that a name is looked up. */
static void test_the_loop_can_be_freed_while_a_name_is_looked_up(void **state)
{
	static const struct k8s_connection_ops ops = {on_head, on_body, on_done};
	static const struct k8s_request request = {.target = "/"};
	struct world *world = *state;

	for (int turns = 0; turns < 4; turns++) {
		struct loop *loop = loop_new();
		struct k8s_connection *connection = k8s_connection_new(loop, &ops, world);

		world->rig->access.service_host = "name.invalid";
		k8s_connection_request(
		    connection, k8s_access_load(&world->rig->access, 0, NULL), &request);
		for (int i = 0; i < turns; i++)
			loop_run_once(loop, 0);
		k8s_connection_free(connection);
		loop_free(loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_request_and_its_answer, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_request_with_a_body, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_another_token_needs_no_other_connection, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_kept_connection_that_was_closed_is_made_again, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_an_answer_that_is_cut_off_is_a_failure, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_silent_body_and_a_long_one_are_given_up, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_a_body_that_is_not_wanted_ends_the_connection, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_the_certificate_and_its_name_are_verified, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_common_name_is_no_name, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_the_dot_of_the_root_is_no_part_of_a_name, start, stop),
	    cmocka_unit_test(test_nobody_is_asked_for_a_password),
	    cmocka_unit_test_setup_teardown(test_ipv6, start, stop),
	    cmocka_unit_test_setup_teardown(test_the_next_address_of_a_name_is_tried, start, stop),
	    cmocka_unit_test_setup_teardown(test_an_unknown_authority_is_refused, start, stop),
	    cmocka_unit_test_setup_teardown(test_a_client_certificate_is_shown, start, stop),
	    cmocka_unit_test_setup_teardown(test_nobody_listens, start, stop),
	    cmocka_unit_test_setup_teardown(test_it_can_be_freed_at_any_time, start, stop),
	    cmocka_unit_test_setup_teardown(
		test_the_loop_can_be_freed_while_a_name_is_looked_up, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
