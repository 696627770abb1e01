/* What is wrong with a peer, word by word: bounds, and what does not go together. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#include "config_errors.h"

#define UNNUMBERED(keys) ROUTER "peers:\n- {name: a, asn: 65000, interface: " keys "}\n"
#define DYNAMIC(keys) ROUTER "peers:\n- {name: a, asn: 65000, range: " keys "}\n"

static const struct config_error_row rows[] = {
    {ROUTER "peers:\n"
	    "- asn: 1\n",
	"k.yaml:3:3: peers[0].name: is required, but missing\n"
	"k.yaml:3:3: peers[0].address: is required, unless there is an interface or a range\n"},
    {PEER("port: 0"), "k.yaml:3:50: peers[0].port: must be a number from 1 to 65535, not \"0\"\n"},
    {PEER("port: \"179\""), "k.yaml:3:50: peers[0].port: must not be in quotes\n"},
    {PEER("passive: yes"), "k.yaml:3:53: peers[0].passive: must be true or false, not \"yes\"\n"},
    {PEER("families: []"), "k.yaml:3:54: peers[0].families: must not be empty\n"},
    {PEER("families: [ipv4, ipv4]"), "k.yaml:3:61: peers[0].families[1]: \"ipv4\" is here twice\n"},
    {PEER("families: [inet]"),
	"k.yaml:3:55: peers[0].families[0]: must be ipv4 or ipv6, not \"inet\"\n"},
    {PEER("families: ipv4"), "k.yaml:3:54: peers[0].families: must be a list, not text\n"},
    {PEER("holdTime: 2s"),
	"k.yaml:3:54: peers[0].holdTime: must be 0s, or 3s or more in whole seconds\n"},
    {PEER("holdTime: 3500ms"),
	"k.yaml:3:54: peers[0].holdTime: must be 0s, or 3s or more in whole seconds\n"},
    {PEER("holdTime: 90"),
	"k.yaml:3:54: peers[0].holdTime: must be a duration such as 9s, 300ms or 2m, "
	"not \"90\"\n"},
    {PEER("holdTime: 70000s"),
	"k.yaml:3:54: peers[0].holdTime: must be from 0s to 65535s, not 70000s\n"},
    {PEER("keepaliveTime: 90s"),
	"k.yaml:3:59: peers[0].keepaliveTime: must be less than holdTime\n"},
    {PEER("keepaliveTime: 500ms"),
	"k.yaml:3:59: peers[0].keepaliveTime: must be from 1s to 65535s, not 500ms\n"},
    {PEER("holdTime: 0s, keepaliveTime: 1s"),
	"k.yaml:3:73: peers[0].keepaliveTime: is of no use: with holdTime 0s no "
	"keepalives are sent\n"},
    {PEER("connectRetryTime: 1ms"),
	"k.yaml:3:62: peers[0].connectRetryTime: must be from 100ms to 65535s, not "
	"1ms\n"},
    {PEER("ebgpMultihop: 0"),
	"k.yaml:3:58: peers[0].ebgpMultihop: must be a number from 1 to 255, not "
	"\"0\"\n"},
    {PEER("ebgpMultihop: 256"),
	"k.yaml:3:58: peers[0].ebgpMultihop: must be a number from 1 to 255, not "
	"\"256\"\n"},
    {PEER("ebgpMultihop: 2, ttlSecurity: 1"),
	"k.yaml:3:74: peers[0].ttlSecurity: excludes ebgpMultihop (RFC 5082)\n"},
    {PEER("ttlSecurity: 255"),
	"k.yaml:3:57: peers[0].ttlSecurity: must be a number from 0 to 254, not "
	"\"255\"\n"},
    {PEER("passwordFile: "),
	"k.yaml:3:58: peers[0].passwordFile: must have a value, not nothing\n"},
    {PEER("passwordFile: \"\""), "k.yaml:3:58: peers[0].passwordFile: must not be empty\n"},
    {PEER("passwordSecret: {name: a}"),
	"k.yaml:3:44: peers[0].passwordSecret: cannot be had: with cluster.source none there are "
	"no Secrets\n"},
    {PEER("passwordFile: /a, passwordSecret: {name: a}"),
	"k.yaml:3:62: peers[0].passwordSecret: excludes passwordFile\n"},
    {PEER("passwordSecret: {key: b}"),
	"k.yaml:3:60: peers[0].passwordSecret.name: is required, but missing\n"},
    {PEER("passwordSecret: {name: A_b, key: 'c d'}"),
	"k.yaml:3:67: peers[0].passwordSecret.name: must be the name of a Secret, not \"A_b\"\n"
	"k.yaml:3:77: peers[0].passwordSecret.key: must be a key of a Secret, not \"c d\"\n"},
    {PEER("bfd: {enabled: true, receiveInterval: 300ms}"),
	"k.yaml:3:44: peers[0].bfd: not supported yet: remove it, or set enabled: "
	"false\n"},
    {PEER("bfd: {}"), "k.yaml:3:44: peers[0].bfd: not supported yet: remove it, or set enabled: "
		      "false\n"},
    {PEER("bfd: {enabled: false, detectMultiplier: 0}"),
	"k.yaml:3:84: peers[0].bfd.detectMultiplier: must be a number from 1 to 255, "
	"not \"0\"\n"},
    {PEER("gracefulRestart: {restartTime: 2h}"),
	"k.yaml:3:75: peers[0].gracefulRestart.restartTime: must be from 0s to 4095s, not 2h\n"},
    {PEER("addPath: {send: 65, receive: 1}"),
	"k.yaml:3:60: peers[0].addPath.send: must be a number from 0 to 64, not \"65\"\n"
	"k.yaml:3:73: peers[0].addPath.receive: must be true or false, not \"1\"\n"},
    {PEER("delayOpenTime: 241s"),
	"k.yaml:3:59: peers[0].delayOpenTime: must be from 0s to 240s, not 241s\n"},
    {PEER("connectedCheck: no, enforceFirstAS: no"),
	"k.yaml:3:60: peers[0].connectedCheck: must be true or false, not \"no\"\n"
	"k.yaml:3:80: peers[0].enforceFirstAS: must be true or false, not \"no\"\n"},
    {PEER("maxASPathLength: 4001"),
	"k.yaml:3:61: peers[0].maxASPathLength: must be a number from 0 to 4000, not "
	"\"4001\"\n"},
    {PEER("maxPrefixesWarning: 50"),
	"k.yaml:3:44: peers[0].maxPrefixesWarning: is of no use without maxPrefixes\n"},
    {PEER("maxPrefixesWarning: 101"),
	"k.yaml:3:64: peers[0].maxPrefixesWarning: must be a number from 0 to 100, not "
	"\"101\"\n"},
    {PEER("role: none"), "k.yaml:3:50: peers[0].role: must be provider, rs, rs-client, customer "
			 "or peer, not \"none\"\n"},
    {PEER("strictRole: true"),
	"k.yaml:3:56: peers[0].strictRole: cannot be true without a role (RFC 9234)\n"},
    {PEER("localASNMode: replace"),
	"k.yaml:3:44: peers[0].localASNMode: is of no use without localASN\n"},
    {PEER("localASN: 64999, localASNMode: hide"),
	"k.yaml:3:75: peers[0].localASNMode: must be prepend, no-prepend or replace, not "
	"\"hide\"\n"},
    {PEER("localASN: 65000, role: customer"),
	"k.yaml:3:67: peers[0].role: is only for peers in another AS (RFC 9234)\n"},
    {PEER("aigp: ~"), "k.yaml:3:50: peers[0].aigp: must have a value, not nothing\n"},
    {PEER("stripAttributes: AIGP"),
	"k.yaml:3:61: peers[0].stripAttributes: must be a list, not text\n"},
    {PEER("stripAttributes: [0, 256, MED, attribute 200]"),
	"k.yaml:3:62: peers[0].stripAttributes[0]: must be an attribute's name such as "
	"MULTI_EXIT_DISC, or its number from 1 to 255, not \"0\"\n"
	"k.yaml:3:65: peers[0].stripAttributes[1]: must be an attribute's name such as "
	"MULTI_EXIT_DISC, or its number from 1 to 255, not \"256\"\n"
	"k.yaml:3:70: peers[0].stripAttributes[2]: must be an attribute's name such as "
	"MULTI_EXIT_DISC, or its number from 1 to 255, not \"MED\"\n"
	"k.yaml:3:75: peers[0].stripAttributes[3]: must be an attribute's name such as "
	"MULTI_EXIT_DISC, or its number from 1 to 255, not \"attribute 200\"\n"},
    {PEER("stripAttributes: [1, AS_PATH, NEXT_HOP, 14, 15]"),
	"k.yaml:3:62: peers[0].stripAttributes[0]: ORIGIN cannot be stripped: no route is "
	"without it\n"
	"k.yaml:3:65: peers[0].stripAttributes[1]: AS_PATH cannot be stripped: no route is "
	"without it\n"
	"k.yaml:3:74: peers[0].stripAttributes[2]: NEXT_HOP cannot be stripped: no route is "
	"without it\n"
	"k.yaml:3:84: peers[0].stripAttributes[3]: MP_REACH_NLRI cannot be stripped: it carries "
	"the routes themselves\n"
	"k.yaml:3:88: peers[0].stripAttributes[4]: MP_UNREACH_NLRI cannot be stripped: it "
	"carries the routes themselves\n"},
    {PEER("stripAttributes: [4, 128, MULTI_EXIT_DISC, 128]"),
	"k.yaml:3:70: peers[0].stripAttributes[2]: MULTI_EXIT_DISC is here twice\n"
	"k.yaml:3:87: peers[0].stripAttributes[3]: attribute 128 is here twice\n"},
    {PEER("nextHop: me"), "k.yaml:3:53: peers[0].nextHop: must be default, self or unchanged, not "
			  "\"me\"\n"},
    {PEER("allowOwnASN: 11"),
	"k.yaml:3:57: peers[0].allowOwnASN: must be a number from 0 to 10, not "
	"\"11\"\n"},
    {PEER("maxPrefixes: -1"),
	"k.yaml:3:57: peers[0].maxPrefixes: must be a number from 0 to 4294967295, "
	"not \"-1\"\n"},
    {PEER("localASN: 0"),
	"k.yaml:3:54: peers[0].localASN: must not be 0, which is no AS (RFC 7607)\n"},
    {PEER("localAddress: \"::1\""),
	"k.yaml:3:58: peers[0].localAddress: must be of the same family as the "
	"peer's address\n"},
    {PEER("localAddress: 0.0.0.0"),
	"k.yaml:3:58: peers[0].localAddress: must be an address of this node\n"},
    {PEER("localAddress: 10.0.0.1"),
	"k.yaml:3:58: peers[0].localAddress: must not be the peer's own address\n"},
    {PEER("routeReflectorClient: true"),
	"k.yaml:3:66: peers[0].routeReflectorClient: cannot be true for a peer in "
	"another AS (RFC 4456)\n"},
    {PEER("import: [nothing]"),
	"k.yaml:3:53: peers[0].import[0]: there is no filter \"nothing\"\n"},
    {PEER("import: [f, g, f], export: [g, g]") "filters:\n"
					       "- {name: f, rules: []}\n"
					       "- {name: g, rules: []}\n",
	"k.yaml:3:52: peers[0].import: \"f\" is here twice\n"
	"k.yaml:3:71: peers[0].export: \"g\" is here twice\n"},
    {PEER("export: nothing"), "k.yaml:3:52: peers[0].export: must be a list, not text\n"},
    {PEER("shutdown: maybe"),
	"k.yaml:3:54: peers[0].shutdown: must be true or false, not \"maybe\"\n"},
    {PEER("passwords: x"), "k.yaml:3:44: peers[0].passwords: unknown key; did you mean "
			   "\"passwordFile\"?\n"},
    {PEER("interface: eth0, range: 10.9.0.0/24"),
	"k.yaml:3:44: peers[0].interface: excludes address\n"
	"k.yaml:3:61: peers[0].range: excludes address\n"},
    {PEER("rangeLimit: 5"), "k.yaml:3:44: peers[0].rangeLimit: is of no use without a range\n"},
    {UNNUMBERED("eth0123456789012"),
	"k.yaml:3:36: peers[0].interface: must be the name of an interface, of 1 to 15 "
	"characters\n"},
    {UNNUMBERED("\"\""), "k.yaml:3:36: peers[0].interface: must be the name of an interface, of 1 "
			 "to 15 characters\n"},
    {UNNUMBERED(".."),
	"k.yaml:3:36: peers[0].interface: must be the name of an interface, not \"..\"\n"},
    {UNNUMBERED("eth 0"),
	"k.yaml:3:36: peers[0].interface: must be the name of an interface, without '/', ':', "
	"spaces and special characters\n"},
    {UNNUMBERED("net/eth0"),
	"k.yaml:3:36: peers[0].interface: must be the name of an interface, without '/', ':', "
	"spaces and special characters\n"},
    {UNNUMBERED("eth0, ebgpMultihop: 2, localAddress: 10.0.0.2"),
	"k.yaml:3:56: peers[0].ebgpMultihop: must be 1 with interface: the neighbour is on that "
	"link\n"
	"k.yaml:3:59: peers[0].localAddress: is of no use with interface: the link-local address "
	"of it is taken\n"},
    {UNNUMBERED("eth0, ttlSecurity: 2"),
	"k.yaml:3:55: peers[0].ttlSecurity: must be 0 or 1 with interface: the neighbour is on "
	"that link\n"},
    {"router: {asn: 1, nodeOverrides: [{routerID: 1.1.1.1}]}\n"
     "peers:\n"
     "- {name: a, address: 10.0.0.1, asn: 1, role: peer}\n",
	"k.yaml:3:46: peers[0].role: is only for peers in another AS (RFC 9234)\n"},
    {ROUTER "peers:\n"
	    "- {name: a, interface: eth0, asn: 64512, role: peer}\n",
	"k.yaml:3:48: peers[0].role: is only for peers in another AS (RFC 9234)\n"},
    {DYNAMIC("10.9.0.1/24"),
	"k.yaml:3:32: peers[0].range: 10.9.0.1/24 has bits set beyond its length; did you mean "
	"10.9.0.0/24?\n"},
    {DYNAMIC("10.9.0.0"),
	"k.yaml:3:32: peers[0].range: must be a prefix; for this one address write 10.9.0.0/32\n"},
    {DYNAMIC("224.0.0.0/8"),
	"k.yaml:3:32: peers[0].range: must hold the addresses of neighbours\n"},
    {DYNAMIC("\"fe80::/64\""), "k.yaml:3:32: peers[0].range: is link-local, which means nothing "
			       "without its link: use interface in its place\n"},
    {DYNAMIC("10.9.0.0/24, rangeLimit: 0"),
	"k.yaml:3:57: peers[0].rangeLimit: must be a number from 1 to 10000, not \"0\"\n"},
    {DYNAMIC("10.9.0.0/24, rangeLimit: 10001"),
	"k.yaml:3:57: peers[0].rangeLimit: must be a number from 1 to 10000, not \"10001\"\n"},
    {DYNAMIC("10.9.0.0/24, passive: false"),
	"k.yaml:3:54: peers[0].passive: cannot be false with range: who is there must call\n"},
    {DYNAMIC("10.9.0.0/24, port: 179, localAddress: 10.9.0.1, connectRetryTime: 5s"),
	"k.yaml:3:45: peers[0].port: is of no use with range: nobody there is connected to\n"
	"k.yaml:3:56: peers[0].localAddress: is of no use with range: nobody there is connected "
	"to\n"
	"k.yaml:3:80: peers[0].connectRetryTime: is of no use with range: nobody there is "
	"connected to\n"},
    {DYNAMIC("10.9.0.0/24, delayOpenTime: 1s"),
	"k.yaml:3:60: peers[0].delayOpenTime: is of no use with range: a stranger is not waited "
	"for\n"},
    {"router: {asn: 1, listen: {port: 0}}\n"
     "peers:\n"
     "- {name: a, range: 10.9.0.0/24, asn: 1}\n",
	"k.yaml:3:13: peers[0].range: cannot be used: with router.listen.port 0 nothing "
	"listens\n"},
    {DYNAMIC("10.9.0.0/24") "- {name: b, range: 10.9.0.0/24, asn: 1}\n",
	"k.yaml:4:20: peers[1].range: is already the range of peers[0], which may be on the same "
	"node\n"},
    {UNNUMBERED("eth0") "- {name: b, interface: eth0, asn: 1}\n",
	"k.yaml:4:24: peers[1].interface: is already the interface of peers[0], which may be on "
	"the same node\n"},
    {ROUTER "peers:\n"
	    "- {name: a, address: tor-a, asn: extern}\n",
	"k.yaml:3:22: peers[0].address: must be an IPv4 or IPv6 address, not "
	"\"tor-a\"\n"
	"k.yaml:3:34: peers[0].asn: must be an AS number, internal or external, not "
	"\"extern\"\n"},
    {ROUTER "peers:\n"
	    "- {name: a, address: 224.0.0.1, asn: 1}\n",
	"k.yaml:3:22: peers[0].address: must be the address of one neighbour\n"},
    {ROUTER "peers:\n"
	    "- {name: a, address: \"fe80::1\", asn: 1}\n",
	"k.yaml:3:22: peers[0].address: is link-local, which means nothing without its link: use "
	"interface in its place\n"},
    {ROUTER "peers:\n"
	    "- {name: mesh, address: 10.0.0.1, asn: 1}\n",
	"k.yaml:3:10: peers[0].name: \"mesh\" is reserved\n"},
    {ROUTER "peers:\n"
	    "- {name: vms/10.9.0.5, address: 10.0.0.1, asn: 1}\n",
	"k.yaml:3:10: peers[0].name: must be without a slash: what is behind it is the address "
	"of a peer of a range\n"},
    {ROUTER "peers:\n"
	    "- {name: all, address: 10.0.0.1, asn: 1}\n",
	"k.yaml:3:10: peers[0].name: \"all\" is reserved\n"},
    {ROUTER "peers:\n"
	    "- {name: a, address: 10.0.0.1, asn: 1}\n"
	    "- {name: a, address: 10.0.0.1, asn: 1}\n",
	"k.yaml:4:10: peers[1].name: \"a\" is already the name of peers[0]\n"
	"k.yaml:4:22: peers[1].address: is already the address of peers[0], which "
	"may be on the same node\n"},
    {ROUTER "peers:\n"
	    "- {name: a, address: 10.0.0.1, asn: 1, nodeSelector: {matchLabels: {r: x}}}\n"
	    "- {name: b, address: 10.0.0.1, asn: 1, nodeSelector: {matchLabels: {r: y}}}\n"
	    "- {name: c, address: 10.0.0.2, asn: 1}\n"
	    "- {name: d, address: 10.0.0.1, asn: 1, nodeSelector: {matchLabels: {r: y}}}\n",
	"k.yaml:6:22: peers[3].address: is already the address of peers[1], which "
	"may be on the same node\n"},
    {ROUTER "peers:\n"
	    "- {name: a, address: 10.0.0.1, asn: 1, nodeSelector: {matchLabels: {r: "
	    "x}}}\n"
	    "- {name: b, address: 10.0.0.1, asn: 1}\n",
	"k.yaml:4:22: peers[1].address: is already the address of peers[0], which "
	"may be on the same node\n"},
    {"router: {asn: 1, listen: {port: 0}}\n"
     "peers:\n"
     "- {name: a, address: 10.0.0.1, asn: 1, passive: true}\n",
	"k.yaml:3:49: peers[0].passive: cannot be true: with router.listen.port 0 "
	"nothing listens\n"},
};

static void every_error_has_its_exact_lines(void **state)
{
	(void)state;
	assert_config_errors(rows, COUNT(rows));
}

/* RFC 9234 5: operators must not have the ability to change what is done with OTC. */
static void test_rfc9234_5_otc_cannot_be_stripped(void **state)
{
	static const struct config_error_row otc[] = {
	    {PEER("stripAttributes: [OTC, 35]"),
		"k.yaml:3:62: peers[0].stripAttributes[0]: OTC cannot be stripped: it keeps routes "
		"from leaking (RFC 9234)\n"
		"k.yaml:3:67: peers[0].stripAttributes[1]: OTC cannot be stripped: it keeps routes "
		"from leaking (RFC 9234)\n"},
	};

	(void)state;
	assert_config_errors(otc, COUNT(otc));
}

/* A file of `count` peers, and then these lines. */
static char *many_peers(unsigned count, const char *more)
{
	struct text text = {NULL, 0, 0};

	text_append(&text, ROUTER "peers:\n");
	for (unsigned i = 0; i < count; i++)
		text_append(
		    &text, "- {name: p%u, address: 10.1.%u.%u, asn: 1}\n", i, i / 256, i % 256);
	text_append(&text, "%s", more);
	return text.string;
}

static void one_of_thousands_of_peers_that_is_there_twice_is_found(void **state)
{
	char *yaml = many_peers(5000, "- {name: p1234, address: 10.1.17.5, asn: 1}\n");
	const struct config_error_row row = {yaml,
	    "k.yaml:5003:10: peers[5000].name: \"p1234\" is already the name of peers[1234]\n"
	    "k.yaml:5003:26: peers[5000].address: is already the address of peers[4357], which may "
	    "be on the same node\n"};

	(void)state;
	assert_config_errors(&row, 1);
	free(yaml);
}

static void thousands_of_peers_are_all_read(void **state)
{
	char *yaml = many_peers(5000, "");
	struct text errors = {NULL, 0, 0};
	struct config *config = config_parse(yaml, strlen(yaml), "k.yaml", &environment, &errors);
	struct ip_address last;

	(void)state;
	assert_non_null(config);
	assert_int_equal(config->peer_count, 5000);
	assert_true(ip_address_parse("10.1.19.135", &last));
	assert_true(ip_address_equal(&config->peers[4999].address, &last));
	assert_string_equal(config->peers[4999].name, "p4999");
	config_free(config);
	free(yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_error_has_its_exact_lines),
	    cmocka_unit_test(test_rfc9234_5_otc_cannot_be_stripped),
	    cmocka_unit_test(one_of_thousands_of_peers_that_is_there_twice_is_found),
	    cmocka_unit_test(thousands_of_peers_are_all_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
