/*
 * Sockets over the loopback interface, with their options read back.  The tests of MD5 signatures
 * need a kernel that has them.
 */
#define _GNU_SOURCE 1 /* unshare */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bgp/transport.h"

struct rig {
	struct loop *loop;
	struct bgp_listener *listener;
	int accepted; /* -1: none yet */
	unsigned count;
	uint32_t scope;
	struct ip_address remote, local;
	struct bgp_transport_options options;
};

static void accepted(void *arg, int fd, const struct ip_address *remote,
    const struct ip_address *local, uint32_t scope)
{
	struct rig *rig = arg;

	if (rig->accepted >= 0)
		close(rig->accepted);
	rig->accepted = fd;
	rig->count++;
	rig->scope = scope;
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
	rig->listener = bgp_listener_new(rig->loop, &listen, 0, 0, accepted, rig, &error);
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

/* For what is to happen, also on a machine that is slow or busy. */
#define PATIENCE_MS 30000

/*
 * The descriptor of a connection that is up at both ends, or -1 if it is not: `limit_ms` is for this
 * end, whose call may be in vain.
 */
static int rig_connect(struct rig *rig, int limit_ms)
{
	const unsigned count = rig->count;
	struct error error;
	int fd = bgp_transport_connect(&rig->options, &error);
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	assert_true(fd >= 0);
	for (int waited = 0; waited < limit_ms; waited += 5) {
		loop_run_once(rig->loop, 0);
		if (poll(&poll_fd, 1, 5) == 1 && !bgp_transport_error(fd)) {
			for (; waited < PATIENCE_MS && rig->count == count; waited += 5)
				loop_run_once(rig->loop, 5);
			if (rig->count != count)
				return fd;
			break;
		}
	}
	close(fd);
	return -1;
}

static void set_password(struct rig *rig, const char *prefix_text, const char *password)
{
	struct ip_prefix prefix;
	struct error error;

	assert_true(ip_prefix_parse(prefix_text, &prefix, NULL));
	assert_true(bgp_listener_set_password(rig->listener, &prefix, password, &error));
}

/* Whether a connection with the password (empty: without) comes up. */
static bool connects_with(struct rig *rig, const char *password, bool expected)
{
	int fd;

	strcpy(rig->options.password, password);
	fd = rig_connect(rig, expected ? PATIENCE_MS : 150);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
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
		fd = rig_connect(&rig, PATIENCE_MS);
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

/* RFC 5082 3: sent with 255, received with no less than 256 - hops. */
static void rfc5082_3_ttl_and_gtsm_are_set_on_both_ends(void **state)
{
	static const struct {
		const char *address;
		int level, ttl, least;
	} families[] = {
	    {"127.0.0.1", IPPROTO_IP, IP_TTL, IP_MINTTL},
	    {"::1", IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6_MINHOPCOUNT},
	};
	static const struct {
		uint8_t ttl, security;
		int sent, least;
	} cases[] = {{0, 1, 255, 255}, {0, 3, 255, 253}, {7, 0, 7, 0}, {1, 0, 1, 0}, {0, 0, 64, 0}};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const unsigned family = i % 2, kind = i / 2;
		struct error error;
		struct rig rig;
		int fd;

		rig_init(&rig, families[family].address);
		rig.options.ttl = cases[kind].ttl;
		rig.options.ttl_security = cases[kind].security;
		fd = rig_connect(&rig, PATIENCE_MS);
		assert_true(fd >= 0);
		assert_true(bgp_transport_prepare(rig.accepted, &rig.options, &error));
		for (unsigned end = 0; end < 2; end++) {
			int socket = end ? rig.accepted : fd;

			assert_int_equal(
			    option(socket, families[family].level, families[family].ttl),
			    cases[kind].sent);
			assert_int_equal(
			    option(socket, families[family].level, families[family].least),
			    cases[kind].least);
		}
		close(fd);
		rig_free(&rig);
	}
}

/* What comes over too many hops is refused, also what came before it was known whose it is. */
static void rfc5082_3_a_call_from_too_far_is_refused(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};
	static const struct {
		uint8_t sent, hops;
		bool accepted;
	} cases[] = {{255, 1, true}, {254, 1, false}, {254, 2, true}, {64, 1, false},
	    {64, 192, true}, {64, 191, false}, {1, 255, true}};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error;
		struct rig rig;
		int fd;

		rig_init(&rig, addresses[i % 2]);
		rig.options.ttl = cases[i / 2].sent;
		fd = rig_connect(&rig, PATIENCE_MS);
		assert_true(fd >= 0);
		rig.options.ttl = 0;
		rig.options.ttl_security = cases[i / 2].hops;
		assert_int_equal(bgp_transport_prepare(rig.accepted, &rig.options, &error),
		    cases[i / 2].accepted);
		if (!cases[i / 2].accepted)
			assert_non_null(strstr(error.text, "TTL"));
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
	rig.listener = bgp_listener_new(rig.loop, &any6, 0, 0, accepted, &rig, &error);
	assert_non_null(rig.listener);
	/* The same port of the other family is free. */
	listener = bgp_listener_new(
	    rig.loop, &any4, 0, bgp_listener_port(rig.listener), accepted, &rig, &error);
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
		struct rig rig;

		rig_init(&rig, cases[i].address);
		set_password(&rig, cases[i].address, cases[i].theirs);
		assert_int_equal(
		    connects_with(&rig, cases[i].ours, cases[i].connects), cases[i].connects);
		rig_free(&rig);
	}
}

static void a_changed_password_replaces_the_old_one(void **state)
{
	static const char *const prefixes[] = {"127.0.0.1/32", "127.0.0.0/8", "::1/128", "::/0"};

	(void)state;
	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct rig rig;

		rig_init(&rig, i < 2 ? "127.0.0.1" : "::1");
		set_password(&rig, prefixes[i], "old");
		set_password(&rig, prefixes[i], "new");
		assert_true(connects_with(&rig, "new", true));
		assert_false(connects_with(&rig, "old", false));
		/* And one removal removes all there is. */
		set_password(&rig, prefixes[i], "");
		assert_false(connects_with(&rig, "old", false));
		assert_true(connects_with(&rig, "", true));
		rig_free(&rig);
	}
}

/* The handshake of a connection may be older than the password of its listener. */
static void an_unsigned_connection_is_known(void **state)
{
	static const struct {
		const char *prefix, *password;
		bool is_signed;
	} cases[] = {{"127.0.0.1/32", "secret", true}, {"127.0.0.0/8", "secret", true},
	    {"127.0.0.1/32", "", false}, {"::1/128", "secret", true}, {"::/0", "secret", true},
	    {"::1/128", "", false}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {""};
		struct rig rig;
		char byte = 0;
		int fd;

		rig_init(&rig, strchr(cases[i].prefix, ':') ? "::1" : "127.0.0.1");
		set_password(&rig, cases[i].prefix, cases[i].password);
		strcpy(rig.options.password, cases[i].password);
		fd = rig_connect(&rig, PATIENCE_MS);
		assert_true(fd >= 0);
		strcpy(rig.options.password, "secret");
		assert_int_equal(bgp_transport_check_password(rig.accepted, &rig.options, &error),
		    cases[i].is_signed);
		assert_int_equal(strstr(error.text, "no TCP MD5") != NULL, !cases[i].is_signed);
		/* It is signed as before. */
		assert_int_equal(write(fd, "x", 1), 1);
		assert_int_equal(
		    poll(&(struct pollfd){rig.accepted, POLLIN, 0}, 1, PATIENCE_MS), 1);
		assert_int_equal(read(rig.accepted, &byte, 1), 1);
		rig.options.password[0] = '\0';
		assert_true(bgp_transport_check_password(rig.accepted, &rig.options, &error));
		close(fd);
		rig_free(&rig);
	}
}

static void the_password_of_the_longest_prefix_counts(void **state)
{
	static const struct {
		const char *address, *wide, *host;
	} families[] = {{"127.0.0.1", "127.0.0.0/8", "127.0.0.1/32"}, {"::1", "::/64", "::1/128"}};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig rig;

		rig_init(&rig, families[i].address);
		set_password(&rig, families[i].wide, "wide");
		assert_true(connects_with(&rig, "wide", true));
		set_password(&rig, families[i].host, "host");
		assert_true(connects_with(&rig, "host", true));
		assert_false(connects_with(&rig, "wide", false));
		set_password(&rig, families[i].host, "");
		assert_true(connects_with(&rig, "wide", true));
		assert_false(connects_with(&rig, "", false));
		rig_free(&rig);
	}
}

static void a_password_is_of_no_other_prefix(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, "127.0.0.1");
	set_password(&rig, "127.0.1.0/24", "secret");
	set_password(&rig, "127.0.0.2/32", "secret");
	assert_true(connects_with(&rig, "", true));
	rig_free(&rig);
}

/* An interface of our own: `lo` of a fresh network namespace with fe80::1; false if we may not. */
static bool make_link_local(struct ip_address *address)
{
	struct {
		struct in6_addr address;
		uint32_t prefix_length;
		int index;
	} request = {.prefix_length = 64, .index = 1};
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK};
	int fd;
	bool made;

	assert_true(ip_address_parse("fe80::1", address));
	memcpy(&request.address, address->bytes, 16);
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	made = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &up) && !ioctl(fd, SIOCSIFADDR, &request);
	if (fd >= 0)
		close(fd);
	return made;
}

/* An address that was just made may be tentative still, which its use as the local one tells. */
static bool is_usable(const struct bgp_transport_options *options)
{
	struct error error;
	int fd = -1;

	for (unsigned i = 0; i < 3000 && fd < 0; i++) {
		fd = bgp_transport_connect(options, &error);
		if (fd < 0)
			poll(NULL, 0, 10);
	}
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Returns the exit status of the test: 0 if all is well, 77 if it cannot be tried. */
static int try_link_local(void)
{
	struct ip_address any = {.family = IPV6};
	struct rig rig = {.accepted = -1};
	struct error error;

	if (!make_link_local(&rig.options.remote))
		return 77;
	rig.loop = loop_new();
	rig.listener = bgp_listener_new(rig.loop, &any, 0, 0, accepted, &rig, &error);
	rig.options.port = bgp_listener_port(rig.listener);
	rig.options.local = rig.options.remote;
	rig.options.scope = 1;
	if (!is_usable(&rig.options))
		return 1;
	set_password(&rig, "fe80::1/128", "secret");
	if (!connects_with(&rig, "secret", true) || rig.scope != 1)
		return 2;
	if (connects_with(&rig, "other", false))
		return 3;
	rig.options.scope = 0; /* fe80::1 of which interface? */
	return bgp_transport_connect(&rig.options, &error) < 0 ? 0 : 4;
}

/* In a process of its own, because it leaves the network namespace of the others. */
static void a_link_local_neighbour_is_reached_by_its_scope(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (!child)
		_exit(try_link_local());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("no network namespace of our own: link-local addresses not tried\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_removed_password_is_not_asked_for(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, "127.0.0.1");
	set_password(&rig, "127.0.0.1", "secret");
	set_password(&rig, "127.0.0.1", "");
	set_password(&rig, "127.0.0.1", "");
	set_password(&rig, "::1", "secret"); /* not of this listener's family */
	assert_true(connects_with(&rig, "", true));
	rig_free(&rig);
}

static void a_password_too_long_is_refused(void **state)
{
	char password[BGP_PASSWORD_MAX + 2] = {0};
	struct ip_prefix prefix;
	struct error error;
	struct rig rig;

	(void)state;
	rig_init(&rig, "127.0.0.1");
	memset(password, 'x', BGP_PASSWORD_MAX + 1);
	assert_true(ip_prefix_parse("127.0.0.0/8", &prefix, NULL));
	assert_false(bgp_listener_set_password(rig.listener, &prefix, password, &error));
	assert_non_null(strstr(error.text, "80"));
	password[BGP_PASSWORD_MAX] = 0;
	set_password(&rig, "127.0.0.0/8", password);
	assert_true(connects_with(&rig, password, true));
	rig_free(&rig);
}

/* A listener has room for as many as the kernel lets one socket hold; some kernels for all. */
static void what_limits_the_number_of_passwords_is_named(void **state)
{
	struct error error = {""};
	struct rig rig;
	bool good = true;

	(void)state;
	rig_init(&rig, "127.0.0.1");
	for (uint32_t i = 0; i < 20000 && good; i++) {
		struct ip_address address = ip_address_from_ipv4(0x0a000000 + i);
		struct ip_prefix prefix = ip_prefix_from_address(&address, 32);

		good = bgp_listener_set_password(rig.listener, &prefix, "secret", &error);
	}
	assert_true(good || strstr(error.text, "net.core.optmem_max"));
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
	assert_null(bgp_listener_new(rig.loop, &foreign, 0, 0, accepted, &rig, &error));
	assert_non_null(strstr(error.text, "192.0.2.77"));
	rig_free(&rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_connection_is_made_and_described),
	    cmocka_unit_test(rfc5082_3_ttl_and_gtsm_are_set_on_both_ends),
	    cmocka_unit_test(rfc5082_3_a_call_from_too_far_is_refused),
	    cmocka_unit_test(an_ipv6_listener_leaves_ipv4_alone),
	    cmocka_unit_test(md5_passwords_must_match),
	    cmocka_unit_test(an_unsigned_connection_is_known),
	    cmocka_unit_test(a_changed_password_replaces_the_old_one),
	    cmocka_unit_test(the_password_of_the_longest_prefix_counts),
	    cmocka_unit_test(a_password_is_of_no_other_prefix),
	    cmocka_unit_test(a_password_too_long_is_refused),
	    cmocka_unit_test(what_limits_the_number_of_passwords_is_named),
	    cmocka_unit_test(a_link_local_neighbour_is_reached_by_its_scope),
	    cmocka_unit_test(a_removed_password_is_not_asked_for),
	    cmocka_unit_test(failures_say_what_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
