/*
 * Service accounts and kubeconfigs: what is taken from them, and each error with what, where and
 * what to do.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "k8s/access.h"

static char folder[64];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *const files[] = {"token", "ca.crt", "namespace", "cert", "key", "config"};

static void remove_files(void)
{
	char path[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/kbgpd-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	write_file("token", "secret\n");
	write_file("ca.crt", "CA");
	write_file("namespace", "kbgpd-system\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	remove_files();
	rmdir(folder);
	return 0;
}

static void test_urls(void **state)
{
	static const struct {
		const char *url;
		const char *expected; /* NULL: refused */
	} cases[] = {
	    {"https://api", "api 443 "},
	    {"https://api.example.com:6443", "api.example.com 6443 "},
	    {"https://192.0.2.1:6443/", "192.0.2.1 6443 "},
	    {"https://[2001:db8::1]:6443/a/b//", "2001:db8::1 6443 /a/b"},
	    {"https://[2001:db8::1]", "2001:db8::1 443 "},
	    {"http://api", NULL},
	    {"api", NULL},
	    {"https://", NULL},
	    {"https://api:", NULL},
	    {"https://api:0", NULL},
	    {"https://api:65536", NULL},
	    {"https://api:x", NULL},
	    {"https://2001:db8::1", NULL},
	    {"https://[192.0.2.1]", NULL},
	    {"https://[::1", NULL},
	    {"https://[::1]x", NULL},
	    {"https://user@api", NULL},
	    {"https://.example.com", NULL},
	    {"https://api/?x", NULL},
	    {"https://api/a b", NULL},
	    {"https://a\r\nb", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct k8s_server server;
		struct error error = {{0}};
		struct text found = {0};

		if (!k8s_server_parse(cases[i].url, &server, &error)) {
			assert_true(error.text[0]);
			if (cases[i].expected)
				fail_msg("%s: %s", cases[i].url, error.text);
			continue;
		}
		text_append(&found, "%s %u %s", server.host, server.port, server.path);
		if (!cases[i].expected || strcmp(found.string, cases[i].expected))
			fail_msg("%s: %s", cases[i].url, found.string);
		free(server.host);
		free(server.path);
		text_free(&found);
	}
}

static void test_the_service_account(void **state)
{
	const struct k8s_access_settings settings = {
	    .service_account = folder, .service_host = "2001:db8::1", .service_port = "443"};
	struct error error = {{0}};
	struct k8s_access *access = k8s_access_load(&settings, 0, &error);
	struct k8s_access *again;

	(void)state;
	if (!access)
		fail_msg("%s", error.text);
	assert_string_equal(access->server.host, "2001:db8::1");
	assert_string_equal(access->token, "secret");
	assert_string_equal(access->authorities, "CA");
	assert_string_equal(access->namespace, "kbgpd-system");
	/* Another token is the same connection, another authority is not. */
	write_file("token", "rotated");
	write_file("namespace", "\n");
	again = k8s_access_load(&settings, 0, &error);
	assert_string_equal(again->token, "rotated");
	assert_string_equal(again->namespace, "default");
	assert_true(k8s_access_same_connection(access, again));
	k8s_access_free(again);
	write_file("ca.crt", "other CA");
	again = k8s_access_load(&settings, 0, &error);
	assert_false(k8s_access_same_connection(access, again));
	k8s_access_free(again);
	k8s_access_free(access);
}

static void assert_refused(const struct k8s_access_settings *settings, const char *expected)
{
	struct error error = {{0}};

	assert_null(k8s_access_load(settings, 0, &error));
	if (!strstr(error.text, expected))
		fail_msg("\"%s\" has no \"%s\"", error.text, expected);
}

static void test_what_is_wrong_with_a_service_account(void **state)
{
	struct k8s_access_settings settings = {.service_account = folder};

	(void)state;
	assert_refused(&settings, "set cluster.kubeconfig");
	settings.service_host = "10.96.0.1";
	assert_refused(&settings, "KUBERNETES_SERVICE_PORT");
	settings.service_port = "none";
	assert_refused(&settings, "\"none\" is no port");
	settings.service_port = "443";
	settings.service_host = "a b";
	assert_refused(&settings, "KUBERNETES_SERVICE_HOST");
	settings.service_host = "10.96.0.1";
	write_file("token", "two\nlines");
	assert_refused(&settings, "is no token");
	write_file("token", "");
	assert_refused(&settings, "is no token");
	remove_files();
	assert_refused(&settings, "token: cannot be read: No such file");
	write_file("token", "x");
	assert_refused(&settings, "ca.crt: cannot be read: No such file");
}

static void test_servers_take_turns(void **state)
{
	static const char *const servers[] = {"https://a:1", "https://b:2"};
	const struct k8s_access_settings settings = {
	    .service_account = folder, .servers = servers, .server_count = 2};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct k8s_access *access = k8s_access_load(&settings, i, NULL);

		assert_non_null(access);
		assert_string_equal(access->server.host, i % 2 ? "b" : "a");
		k8s_access_free(access);
	}
}

#define CONTEXT                \
	"current-context: c\n" \
	"contexts: [{name: other}, {name: c, context: {cluster: k, user: u, namespace: n}}]\n"
#define CLUSTER "clusters: [{name: k, cluster: {server: 'https://api:6443'}}]\n"
#define USER "users: [{name: u, user: {token: t}}]\n"

static void test_a_kubeconfig(void **state)
{
	static const char text[] = CONTEXT
	    "clusters: [{name: k, cluster: {server: 'https://api:6443', tls-server-name: other, "
	    "certificate-authority-data: Q0EK}}]\n"
	    "users: [{name: u, user: {client-certificate: cert, client-key-data: S0VZ, "
	    "tokenFile: token, token: unused, exec: null}}]\n";
	struct error error = {{0}};
	struct k8s_access *access;

	(void)state;
	write_file("cert", "CERTIFICATE");
	access = k8s_kubeconfig_decode(text, strlen(text), folder, &error);
	if (!access)
		fail_msg("%s", error.text);
	assert_string_equal(access->server.host, "api");
	assert_int_equal(access->server.port, 6443);
	assert_string_equal(access->server_name, "other");
	assert_string_equal(access->authorities, "CA\n");
	assert_string_equal(access->certificate, "CERTIFICATE");
	assert_string_equal(access->key, "KEY");
	assert_string_equal(access->token, "secret");
	assert_string_equal(access->namespace, "n");
	k8s_access_free(access);
}

static void test_what_is_wrong_with_a_kubeconfig(void **state)
{
	static const struct {
		const char *text;
		const char *expected;
	} cases[] = {
	    {"", "is no kubeconfig"},
	    {"[]", "is no kubeconfig"},
	    {"a: [", "line 2: "},
	    {"a: 1\n", "current-context is not set: kubectl config use-context NAME"},
	    {"current-context: [1]\n", "current-context must be a text"},
	    {"current-context: d\n" CLUSTER, "contexts: there is none with the name \"d\""},
	    {"current-context: other\ncontexts: [{name: other}]\n", "\"other\" has no context"},
	    {"current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n",
		"needs a cluster and a user"},
	    {CONTEXT USER, "clusters: there is none with the name \"k\""},
	    {CONTEXT CLUSTER, "users: there is none with the name \"u\""},
	    {CONTEXT "clusters: [{name: k, cluster: {}}]\n" USER, "\"k\": server is missing"},
	    {CONTEXT "clusters: [{name: k, cluster: {server: 'http://api'}}]\n" USER,
		"cluster \"k\": server: \"http://api\" does not begin with https://"},
	    {CONTEXT "clusters: [{name: k, cluster: {server: 'https://api', "
		     "insecure-skip-tls-verify: true}}]\n" USER,
		"insecure-skip-tls-verify: the server's certificate is always verified"},
	    {CONTEXT "clusters: [{name: k, cluster: {server: 'https://api', "
		     "proxy-url: 'http://proxy'}}]\n" USER,
		"proxy-url: proxies are not supported"},
	    {CONTEXT "clusters: [{name: k, cluster: {server: 'https://api', "
		     "certificate-authority: missing}}]\n" USER,
		"missing: cannot be read: No such file"},
	    {CONTEXT "clusters: [{name: k, cluster: {server: 'https://api', "
		     "certificate-authority-data: '*'}}]\n" USER,
		"certificate-authority-data: is no PEM in base64"},
	    {CONTEXT "clusters: [{name: k, cluster: {server: 'https://api', "
		     "tls-server-name: 'a b'}}]\n" USER,
		"tls-server-name: \"a b\" is no name"},
	    /* To OpenSSL any name that ends so. */
	    {CONTEXT "clusters: [{name: k, cluster: {server: 'https://api', "
		     "tls-server-name: .example.com}}]\n" USER,
		"tls-server-name: \".example.com\" is no name"},
	    {CONTEXT CLUSTER "users: [{name: u, user: {exec: {command: aws}}}]\n",
		"user \"u\": exec: programs are not run for credentials"},
	    {CONTEXT CLUSTER "users: [{name: u, user: {auth-provider: {name: gcp}}}]\n",
		"auth-provider: not supported"},
	    {CONTEXT CLUSTER "users: [{name: u, user: {username: a, password: b}}]\n",
		"username: passwords are not supported"},
	    {CONTEXT CLUSTER "users: [{name: u, user: {as: admin}}]\n", "as: impersonation"},
	    {CONTEXT CLUSTER "users: [{name: u, user: {client-certificate-data: QQ==}}]\n",
		"client-certificate and client-key must be there both"},
	    {CONTEXT CLUSTER "users: [{name: u, user: {token: 'a b'}}]\n", "token: is no token"},
	    {CONTEXT CLUSTER "users: [{name: u, user: {tokenFile: missing}}]\n", "tokenFile: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {{0}};
		struct k8s_access *access =
		    k8s_kubeconfig_decode(cases[i].text, strlen(cases[i].text), folder, &error);

		if (access || !strstr(error.text, cases[i].expected))
			fail_msg("%s\ngives \"%s\", not \"%s\"", cases[i].text, error.text,
			    cases[i].expected);
	}
}

static void test_errors_name_the_kubeconfig(void **state)
{
	char path[128];
	struct k8s_access_settings settings = {.kubeconfig = path};

	(void)state;
	snprintf(path, sizeof(path), "%s/config", folder);
	assert_refused(&settings, "/config: cannot be read: No such file");
	settings.kubeconfig = "/dev/zero";
	assert_refused(&settings, "/dev/zero: cannot be read: File too large");
	settings.kubeconfig = "/tmp";
	assert_refused(&settings, "/tmp: cannot be read: Is a directory");
	settings.kubeconfig = path;
	write_file("config", CONTEXT USER);
	assert_refused(&settings, "/config: clusters: there is none");
	write_file("config", CONTEXT CLUSTER USER);
	k8s_access_free(k8s_access_load(&settings, 0, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_urls),
	    cmocka_unit_test_setup_teardown(test_the_service_account, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_what_is_wrong_with_a_service_account, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_servers_take_turns, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_kubeconfig, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_what_is_wrong_with_a_kubeconfig, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_errors_name_the_kubeconfig, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
