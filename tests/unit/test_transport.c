/*
 * Sockets over the loopback interface, with their options read back.  The tests of MD5 signatures
 * need a kernel that has them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bgp/transport.h"

struct rig {
	struct loop *loop;
	struct bgp_listener *listener;
	int accepted; /* -1: none yet */
	unsigned count;
	struct ip_address remote, local;
	struct bgp_transport_options options;
};

static void accepted(void *arg, int fd, const struct ip_address *remote,
    const struct ip_address *local, uint32_t scope)
{
	struct rig *rig = arg;

	(void)scope;
	if (rig->accepted >= 0)
		close(rig->accepted);
	rig->accepted = fd;
	rig->count++;
	rig->remote = *remote;
	rig->local = *local;
}

static void rig_init(struct rig *rig, const char *address)
{
	struct error error;
	struct ip_address listen;

	memset(rig, 0, sizeof(*rig));
	rig->loop = loop_new();
	rig->accepted = -1;
	assert_true(ip_address_parse(address, &listen));
	rig->listener = bgp_listener_new(rig->loop, &listen, 0, accepted, rig, &error);
	assert_non_null(rig->listener);
	rig->options.remote = listen;
	rig->options.local.family = listen.family;
	rig->options.port = bgp_listener_port(rig->listener);
	assert_int_not_equal(rig->options.port, 0);
}

static void rig_free(struct rig *rig)
{
	if (rig->accepted >= 0)
		close(rig->accepted);
	bgp_listener_free(rig->listener);
	loop_free(rig->loop);
}

/* The descriptor of a connection that is up, or -1 if it is not within `limit_ms`. */
static int rig_connect(struct rig *rig, int limit_ms)
{
	struct error error;
	int fd = bgp_transport_connect(&rig->options, &error);
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	assert_true(fd >= 0);
	for (int waited = 0; waited < limit_ms; waited += 5) {
		loop_run_once(rig->loop, 0);
		if (poll(&poll_fd, 1, 5) == 1 && !bgp_transport_error(fd)) {
			loop_run_once(rig->loop, 5);
			return fd;
		}
	}
	close(fd);
	return -1;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

static void a_connection_is_made_and_described(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct ip_address local, remote;
		uint16_t local_port, remote_port;
		struct rig rig;
		int fd;

		rig_init(&rig, addresses[i]);
		rig.options.local = rig.options.remote;
		fd = rig_connect(&rig, 1000);
		assert_true(fd >= 0);
		assert_int_equal(rig.count, 1);
		assert_true(ip_address_equal(&rig.remote, &rig.options.remote));
		assert_true(
		    bgp_transport_addresses(fd, &local, &local_port, &remote, &remote_port, NULL));
		assert_int_equal(remote_port, rig.options.port);
		assert_true(ip_address_equal(&remote, &rig.options.remote));
		assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
		close(fd);
		rig_free(&rig);
	}
}

static void ttl_and_gtsm_are_set_on_both_ends(void **state)
{
	static const struct {
		const char *address;
		int level, ttl, least;
	} families[] = {
	    {"127.0.0.1", IPPROTO_IP, IP_TTL, IP_MINTTL},
	    {"::1", IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6_MINHOPCOUNT},
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct error error;
		struct rig rig;
		int fd;

		rig_init(&rig, families[i].address);
		rig.options.ttl_security = 3;
		fd = rig_connect(&rig, 1000);
		assert_true(fd >= 0);
		assert_int_equal(option(fd, families[i].level, families[i].ttl), 255);
		assert_int_equal(option(fd, families[i].level, families[i].least), 253);
		rig.options.ttl_security = 0;
		rig.options.ttl = 7;
		assert_true(bgp_transport_prepare(rig.accepted, &rig.options, &error));
		assert_int_equal(option(rig.accepted, families[i].level, families[i].ttl), 7);
		rig.options.ttl = 0;
		assert_true(bgp_transport_prepare(rig.accepted, &rig.options, &error));
		assert_int_equal(option(rig.accepted, families[i].level, families[i].ttl), 64);
		close(fd);
		rig_free(&rig);
	}
}

static void an_ipv6_listener_leaves_ipv4_alone(void **state)
{
	struct ip_address any4 = {.family = IPV4}, any6 = {.family = IPV6};
	struct bgp_listener *listener;
	struct error error;
	struct rig rig;

	(void)state;
	rig_init(&rig, "127.0.0.1");
	bgp_listener_free(rig.listener);
	rig.listener = bgp_listener_new(rig.loop, &any6, 0, accepted, &rig, &error);
	assert_non_null(rig.listener);
	/* The same port of the other family is free. */
	listener = bgp_listener_new(
	    rig.loop, &any4, bgp_listener_port(rig.listener), accepted, &rig, &error);
	assert_non_null(listener);
	bgp_listener_free(listener);
	rig_free(&rig);
}

static void md5_passwords_must_match(void **state)
{
	static const struct {
		const char *address, *ours, *theirs;
		bool connects;
	} cases[] = {
	    {"127.0.0.1", "secret", "secret", true},
	    {"127.0.0.1", "secret", "other", false},
	    {"127.0.0.1", "", "secret", false},
	    {"127.0.0.1", "secret", "", false},
	    {"::1", "secret", "secret", true},
	    {"::1", "secret", "other", false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error;
		struct rig rig;
		int fd;

		rig_init(&rig, cases[i].address);
		assert_true(bgp_listener_set_password(
		    rig.listener, &rig.options.remote, cases[i].theirs, &error));
		strcpy(rig.options.password, cases[i].ours);
		fd = rig_connect(&rig, cases[i].connects ? 1000 : 150);
		assert_int_equal(fd >= 0, cases[i].connects);
		if (fd >= 0)
			close(fd);
		rig_free(&rig);
	}
}

static void a_removed_password_is_not_asked_for(void **state)
{
	struct ip_address other = {.family = IPV6};
	struct error error;
	struct rig rig;
	int fd;

	(void)state;
	rig_init(&rig, "127.0.0.1");
	assert_true(bgp_listener_set_password(rig.listener, &rig.options.remote, "secret", &error));
	assert_true(bgp_listener_set_password(rig.listener, &rig.options.remote, "", &error));
	assert_true(bgp_listener_set_password(rig.listener, &rig.options.remote, "", &error));
	assert_true(bgp_listener_set_password(rig.listener, &other, "secret", &error));
	fd = rig_connect(&rig, 1000);
	assert_true(fd >= 0);
	close(fd);
	rig_free(&rig);
}

static void failures_say_what_failed(void **state)
{
	struct ip_address foreign;
	struct error error;
	struct rig rig;

	(void)state;
	rig_init(&rig, "127.0.0.1");
	assert_true(ip_address_parse("192.0.2.77", &foreign));
	rig.options.local = foreign;
	assert_int_equal(bgp_transport_connect(&rig.options, &error), -1);
	assert_non_null(strstr(error.text, "192.0.2.77"));
	assert_null(bgp_listener_new(rig.loop, &foreign, 0, accepted, &rig, &error));
	assert_non_null(strstr(error.text, "192.0.2.77"));
	rig_free(&rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_connection_is_made_and_described),
	    cmocka_unit_test(ttl_and_gtsm_are_set_on_both_ends),
	    cmocka_unit_test(an_ipv6_listener_leaves_ipv4_alone),
	    cmocka_unit_test(md5_passwords_must_match),
	    cmocka_unit_test(a_removed_password_is_not_asked_for),
	    cmocka_unit_test(failures_say_what_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
