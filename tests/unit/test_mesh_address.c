/*
 * The mesh of a node whose address comes later than the daemon: in a network of its own, of which
 * the loopback is down at first and has no address.
 */
#define _GNU_SOURCE 1 /* unshare */

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "speaker/private.h"
#include "speaker_rig.h"

#define SKIPPED 77
#define TURNS_MAX 200

static const struct ip_address nowhere;

static int set_up(void **state)
{
	struct speaker_rig *rig = speaker_rig_new();
	struct text text = {NULL, 0, 0};

	text_append(&text,
	    "node: {name: n0}\n"
	    "router: {asn: 64512, routerID: 10.0.0.1, listen: {port: 17918}}\n"
	    "fib: {install: false}\n"
	    "metrics: {listen: \"\"}\n"
	    "cluster: {source: manifests, manifests: %s}\n"
	    "mesh: {enabled: true, port: 1, connectRetryTime: 60000s}\n",
	    rig->manifests);
	speaker_rig_configure(rig, text.string);
	text_free(&text);
	speaker_rig_start(rig);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	speaker_rig_free(*state);
	return 0;
}

static void put_node(struct speaker_rig *rig, const char *name, const struct ip_address *address)
{
	struct k8s_object *object = memory_allocate_zero(1, sizeof *object);

	object->kind = K8S_NODE;
	object->namespace = memory_copy_string("");
	object->name = memory_copy_string(name);
	object->node.ready = K8S_TRUE;
	object->node.internal_ips = memory_copy(address, sizeof *address);
	object->node.internal_ip_count = 1;
	k8s_cluster_put(rig->speaker->cluster, object);
}

static void change_loopback(unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(request->ifr_name, "lo");
	assert_int_equal(ioctl(fd, what, request), 0);
	close(fd);
}

/* With 127.0.0.1, of which the kernel takes care. */
static void put_loopback_up(void)
{
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};

	change_loopback(SIOCSIFFLAGS, &request);
}

static void remove_address(void)
{
	struct ifreq request = {.ifr_addr = {.sa_family = AF_INET}};

	change_loopback(SIOCSIFADDR, &request);
}

static const struct speaker_peer *find_peer(const struct speaker_rig *rig)
{
	return speaker_index_find_name(rig->speaker, "mesh/n1");
}

static bool is_called_from(const struct speaker_rig *rig, const struct ip_address *address)
{
	return find_peer(rig) && ip_address_equal(&find_peer(rig)->config->local_address, address);
}

static void run_until_called_from(const struct speaker_rig *rig, const struct ip_address *address)
{
	for (unsigned i = 0; i < TURNS_MAX && !is_called_from(rig, address); i++)
		loop_run_once(rig->loop, 10);
	assert_true(is_called_from(rig, address));
}

/* Else the kernel may choose one by which the others do not know this node. */
static void others_are_called_from_an_address_that_comes_later(void **state)
{
	const struct ip_address own = ip_address_from_ipv4(0x7f000001);
	const struct ip_address other = ip_address_from_ipv4(0x7f010001);
	struct speaker_rig *rig = *state;

	put_node(rig, "n0", &own);
	put_node(rig, "n1", &other);
	for (unsigned i = 0; i < TURNS_MAX && !rig->speaker->fib_ready; i++)
		loop_run_once(rig->loop, 10);
	run_until_called_from(rig, &nowhere);
	put_loopback_up();
	run_until_called_from(rig, &own);
	/* What is gone for a moment only ends no session. */
	remove_address();
	for (unsigned i = 0; i < TURNS_MAX && fib_is_own_address(rig->speaker->fib, &own, 0); i++)
		loop_run_once(rig->loop, 10);
	assert_false(fib_is_own_address(rig->speaker->fib, &own, 0));
	for (unsigned i = 0; i < 10; i++)
		loop_run_once(rig->loop, 1);
	assert_true(is_called_from(rig, &own));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		others_are_called_from_an_address_that_comes_later, set_up, tear_down),
	};

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
