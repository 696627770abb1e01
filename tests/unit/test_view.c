/* Golden output of kbgpctl's views from the JSON of the daemon. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kbgpctl/format.h"
#include "kbgpctl/view.h"

/* Single quotes stand for double ones, so that the JSON can be read. */
static json_t *load(const char *quoted)
{
	char *copy = strdup(quoted);
	json_error_t error;
	json_t *value;

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	value = json_loads(copy, 0, &error);
	if (!value)
		fail_msg("%s at %d: %s", error.text, error.position, copy);
	free(copy);
	return value;
}

/* What the view makes of a value, or of rows that are the items of an array. */
static char *show(const char *name, const char *quoted)
{
	const struct view *view = view_find(name);
	struct view_output output = {0};
	json_t *value = load(quoted);
	char *text = NULL;
	size_t size;

	assert_non_null(view);
	output.file = open_memstream(&text, &size);
	if (view->value) {
		view->value(&output, value);
	} else {
		if (view->begin)
			view->begin(&output);
		for (size_t i = 0; i < json_array_size(value); i++)
			view->row(&output, json_array_get(value, i));
		if (view->end)
			view->end(&output);
	}
	fclose(output.file);
	json_decref(value);
	return text;
}

static void assert_shows(const char *name, const char *quoted, const char *expected)
{
	char *text = show(name, quoted);

	assert_string_equal(text, expected);
	free(text);
}

static void test_peers_have_a_line_each(void **state)
{
	(void)state;
	assert_shows("peers",
	    "[{'name':'tor-a','address':'10.0.0.1','remoteASN':65000,'state':'Established',"
	    "'holdReason':null,'uptimeSeconds':3725,'changedSeconds':3725,'families':{"
	    "'ipv4':{'configured':true,'received':10,'accepted':9,'advertised':3},"
	    "'ipv6':{'configured':false}},'lastError':''},"
	    "{'name':'tor-b','address':'2001:db8::1','remoteASN':4200000000,'state':'Idle',"
	    "'holdReason':'shut down','changedSeconds':null,'families':{"
	    "'ipv4':{'configured':true},'ipv6':{'configured':true}},'lastError':'other'}]",
	    "NAME   ADDRESS              AS  STATE        SINCE  IPV4 RCV/ACC/ADV"
	    "  IPV6 RCV/ACC/ADV  LAST ERROR\n"
	    "tor-a  10.0.0.1          65000  Established  1h02m            10/9/3"
	    "                 -\n"
	    "tor-b  2001:db8::1  4200000000  Idle         never             0/0/0"
	    "             0/0/0  shut down\n");
}

static void test_an_unnumbered_peer_is_at_its_interface(void **state)
{
	(void)state;
	assert_shows("peers",
	    "[{'name':'leaf-a','address':'fe80::1','interface':'eth0','remoteASN':65000,"
	    "'state':'Idle','changedSeconds':null,'lastError':''},"
	    "{'name':'leaf-b','address':null,'interface':'eth1','remoteASN':0,"
	    "'state':'Idle','changedSeconds':null,'lastError':''},"
	    "{'name':'vms-10.9.0.5','address':'10.9.0.5','interface':null,'range':'vms',"
	    "'remoteASN':65010,'state':'Idle','changedSeconds':null,'lastError':''}]",
	    "NAME          ADDRESS          AS  STATE  SINCE  IPV4 RCV/ACC/ADV  IPV6 RCV/ACC/ADV"
	    "  LAST ERROR\n"
	    "leaf-a        fe80::1%eth0  65000  Idle   never                 -                 -\n"
	    "leaf-b        eth1              0  Idle   never                 -                 -\n"
	    "vms-10.9.0.5  10.9.0.5      65010  Idle   never                 -                 -\n");
}

#define PATH_A                                                                                    \
	"{'prefix':'10.1.0.0/24','best':true,'state':'best','reason':'best','peer':'tor-a',"      \
	"'source':'ebgp','nextHop':'10.0.0.1','asPath':[65000,64513,[1,2]],'origin':'IGP',"       \
	"'localPref':100,'med':null,'communities':['65000:1','no-export'],'largeCommunities':[]," \
	"'extendedCommunities':[]}"
#define PATH_B                                                                                  \
	"{'prefix':'10.1.0.0/24','best':false,'state':'candidate','reason':'AS path length',"   \
	"'peer':'tor-b','source':'ebgp','nextHop':'10.0.0.2','asPath':[65000,1,2,3],"           \
	"'origin':'incomplete','localPref':100,'med':5,'communities':[],'largeCommunities':[]," \
	"'extendedCommunities':[]}"
#define PATH_OWN                                                                                   \
	"{'prefix':'10.1.0.0/24','best':false,'state':'filtered','reason':'rejected','peer':null," \
	"'source':'local','nextHop':null,'asPath':[],'origin':'EGP','localPref':100,'med':0,"      \
	"'communities':[],'largeCommunities':['1:2:3'],'extendedCommunities':[]}"

static void test_routes_have_a_line_per_path(void **state)
{
	(void)state;
	assert_shows("routes", "[" PATH_A "," PATH_B "," PATH_OWN "]",
	    "PREFIX       STATE      NEXT HOP  FROM       PREF  MED  AS PATH              REASON\n"
	    "10.1.0.0/24  best       10.0.0.1  tor-a       100    -  65000 64513 {1 2} i\n"
	    "10.1.0.0/24  candidate  10.0.0.2  tor-b       100    5  65000 1 2 3 ?        "
	    "AS path length\n"
	    "10.1.0.0/24  filtered   -         this node   100    0  e                    "
	    "rejected\n");
}

static void test_a_route_says_why_each_path_won_or_lost(void **state)
{
	(void)state;
	assert_shows("route", "[" PATH_A "," PATH_B "," PATH_OWN "]",
	    "10.1.0.0/24: 3 paths\n"
	    "> from tor-a (ebgp): best, by AS path length\n"
	    "    next hop 10.0.0.1, AS path 65000 64513 {1 2}, origin IGP\n"
	    "    local preference 100, MED -\n"
	    "    communities 65000:1 no-export\n"
	    "  from tor-b (ebgp): lost by AS path length\n"
	    "    next hop 10.0.0.2, AS path 65000 1 2 3, origin incomplete\n"
	    "    local preference 100, MED 5\n"
	    "  from this node: filtered, rejected\n"
	    "    next hop -, AS path empty, origin EGP\n"
	    "    local preference 100, MED 0\n"
	    "    large communities 1:2:3\n");
	assert_shows("route", "[]", "No route.\n");
}

#define PATH(state, reason, peer, more)                                                       \
	"{'prefix':'10.1.0.0/24','state':'" state "','reason':'" reason "','peer':'" peer     \
	"','source':'ebgp','nextHop':'10.0.0.1','asPath':[1],'origin':'IGP','localPref':100," \
	"'med':null" more "}"
#define ATTRIBUTES                                       \
	"    next hop 10.0.0.1, AS path 1, origin IGP\n" \
	"    local preference 100, MED -\n"

static void test_a_best_path_is_compared_with_paths_that_can_be_used(void **state)
{
	(void)state;
	assert_shows("route",
	    "[" PATH("best", "best", "a", ",'best':true") "," PATH(
		"filtered", "AS loop", "b", "") "," PATH("candidate", "router ID", "c", "") "]",
	    "10.1.0.0/24: 3 paths\n"
	    "> from a (ebgp): best, by router ID\n" ATTRIBUTES
	    "  from b (ebgp): filtered, AS loop\n" ATTRIBUTES
	    "  from c (ebgp): lost by router ID\n" ATTRIBUTES);
	assert_shows("route",
	    "[" PATH("best", "best", "a", ",'best':true") "," PATH(
		"candidate", "MED", "b", "") "," PATH("multipath", "multipath", "c", "") "]",
	    "10.1.0.0/24: 3 paths\n"
	    "> from a (ebgp): best, used together with 1 as good\n" ATTRIBUTES
	    "  from b (ebgp): lost by MED\n" ATTRIBUTES
	    "= from c (ebgp): multipath, as good as the best\n" ATTRIBUTES);
}

static void test_advertisements_give_the_reason(void **state)
{
	(void)state;
	assert_shows("advertisements",
	    "[{'advertisement':'pods','type':'PodCIDR','namespace':null,'name':'node-a',"
	    "'address':'10.244.1.0/24','prefix':'10.244.1.0/24','announced':true,"
	    "'reason':'announced','message':'announced by this node'},"
	    "{'advertisement':'public','type':'Service','namespace':'default','name':'web',"
	    "'address':'192.0.2.1','prefix':'192.0.2.1/32','announced':false,"
	    "'reason':'noLocalEndpoints','message':'none here'}]",
	    "ADVERTISEMENT  TYPE     OBJECT       ADDRESS        PREFIX         ANNOUNCED  REASON\n"
	    "pods           PodCIDR  node-a       10.244.1.0/24  10.244.1.0/24  yes\n"
	    "public         Service  default/web  192.0.2.1      192.0.2.1/32   no         "
	    "noLocalEndpoints: none here\n");
}

static void test_advertisements_show_what_is_merged(void **state)
{
	(void)state;
	assert_shows("advertisements",
	    "[{'advertisement':'a','type':'PodCIDR','namespace':null,'name':'n',"
	    "'address':'10.1.0.0/24','prefix':'10.1.0.0/24','announced':true,"
	    "'reason':'announced','message':'announced by this node','mergedWith':['b','c'],"
	    "'conflicts':['localPref','med']},"
	    "{'advertisement':'b','type':'PodCIDR','namespace':null,'name':'n',"
	    "'address':'10.1.0.0/24','prefix':'10.1.0.0/24','announced':true,"
	    "'reason':'announced','message':'announced by this node','mergedWith':['c'],"
	    "'conflicts':[]}]",
	    "ADVERTISEMENT  TYPE     OBJECT  ADDRESS      PREFIX       ANNOUNCED  REASON\n"
	    "a              PodCIDR  n       10.1.0.0/24  10.1.0.0/24  yes        "
	    "merged with b, c; different: localPref, med\n"
	    "b              PodCIDR  n       10.1.0.0/24  10.1.0.0/24  yes        "
	    "merged with c\n");
}

static void test_fib_lists_the_hops_of_a_route(void **state)
{
	(void)state;
	assert_shows("fib",
	    "[{'prefix':'10.1.0.0/24','nextHops':[{'address':'10.0.0.1','interface':'eth0',"
	    "'weight':2},{'address':null,'interface':'eth1','weight':1}],"
	    "'nextHopObject':1801584644,'table':254,'metric':20,"
	    "'backup':false,'state':'installed','error':null},"
	    "{'prefix':'10.2.0.0/24','nextHops':[],'table':100,'metric':21,'backup':true,"
	    "'state':'failed','error':'Network is unreachable'}]",
	    "PREFIX       NEXT HOPS                         OBJECT  TABLE  METRIC  ROLE     "
	    "STATE      ERROR\n"
	    "10.1.0.0/24  10.0.0.1 eth0 weight 2, eth1  1801584644   main      20  primary  "
	    "installed\n"
	    "10.2.0.0/24  -                                      -    100      21  backup   failed     "
	    "Network is unreachable\n");
	assert_shows("fib",
	    "[{'prefix':'10.1.0.0/24','type':'unicast','nextHops':[{'address':'10.0.0.1',"
	    "'interface':'eth0','weight':1}],'source':'10.0.0.7','table':254,'metric':20,"
	    "'backup':false,'state':'installed','error':null},"
	    "{'prefix':'10.2.0.0/24','type':'blackhole','nextHops':[],'source':null,'table':254,"
	    "'metric':4294967295,'backup':false,'state':'installed','error':null},"
	    "{'prefix':'10.3.0.0/24','type':null,'nextHops':[],'source':null,'table':254,"
	    "'metric':20,'backup':false,'state':'stale','error':null}]",
	    "PREFIX       NEXT HOPS                    OBJECT  TABLE      METRIC  ROLE     "
	    "STATE      ERROR\n"
	    "10.1.0.0/24  10.0.0.1 eth0 from 10.0.0.7       -   main          20  primary  "
	    "installed\n"
	    "10.2.0.0/24  blackhole                         -   main  4294967295  primary  "
	    "installed\n"
	    "10.3.0.0/24  -                                 -   main          20  primary  "
	    "stale\n");
	assert_shows("fib", "[]", "None.\n");
}

static void test_next_hops_tell_what_is_wrong(void **state)
{
	(void)state;
	assert_shows("nexthops",
	    "[{'address':'10.0.0.1','reachable':true,'onLink':true,'gateway':null,"
	    "'interface':'eth0','via':'0.0.0.0/0','depth':1,'cost':0,'attributeSets':3,"
	    "'nextHopObject':1801584644,'reason':null},"
	    "{'address':'10.9.0.1','reachable':false,'onLink':false,'gateway':null,"
	    "'interface':null,'via':null,'depth':0,'cost':0,'attributeSets':1,'reason':'no route'}]",
	    "ADDRESS   STATE        VIA      INTERFACE  OVER ROUTE  COST  ATTRIBUTE SETS      OBJECT  "
	    "REASON\n"
	    "10.0.0.1  reachable    on link  eth0       0.0.0.0/0      0               3  1801584644\n"
	    "10.9.0.1  unreachable  -        -          -              0               1           -  "
	    "no route\n");
}

static void test_an_event_is_a_line_that_nobody_can_forge(void **state)
{
	(void)state;
	assert_shows("watch",
	    "[{'time':'2026-11-20T21:29:16.123Z','event':'peerDown','subject':'tor-a',"
	    "'prefix':null,'text':'received Cease: \\u001b[2J'},"
	    "{'time':'2026-11-20T21:29:17.000Z','event':'eventsLost','count':12}]",
	    "2026-11-20T21:29:16.123Z peerDown tor-a: received Cease: \\x1b[2J\n"
	    "2026-11-20T21:29:17.000Z eventsLost 12\n");
}

static void test_status_shows_what_was_refused(void **state)
{
	char *text;

	(void)state;
	text = show("status",
	    "{'version':'0.1.0','node':'node-a','asn':64512,'routerID':'10.0.0.11',"
	    "'uptimeSeconds':59,'ready':true,'peers':{'up':1,'total':2},"
	    "'routes':{'ipv4':{'prefixes':1,'paths':2,'installed':1},'ipv6':{},'failed':3},"
	    "'config':{'file':'k.yaml','state':'stale','errors':'k.yaml:1:1: a\\nk.yaml:2:1: b\\n',"
	    "'loadedAt':'2026-11-20T21:29:16Z','reloadsGood':1,'reloadsBad':2},"
	    "'cluster':{'source':'none'},'memory':{'prefixes':57000000,'attributes':26100000,"
	    "'queues':900},'residentBytes':4200000,'longestTurnMicroseconds':1500,"
	    "'longestTurn':{'microseconds':1500,'cpuMicroseconds':900,'work':'a timer',"
	    "'workMicroseconds':700,'secondsAgo':62}}");
	assert_string_equal(text,
	    "Node:             node-a\n"
	    "Version:          kbgpd 0.1.0, up 59s, ready\n"
	    "AS:               64512, router ID 10.0.0.11\n"
	    "Peers:            1 of 2 up\n"
	    "Routes:           IPv4: 1 prefix, 2 paths, 1 in the kernel\n"
	    "                  IPv6: 0 prefixes, 0 paths, 0 in the kernel\n"
	    "                  3 refused by the kernel: see kbgpctl fib\n"
	    "Configuration:    k.yaml, loaded at 2026-11-20T21:29:16Z, stale\n"
	    "                  1 reload, 2 refused\n"
	    "  refused:        k.yaml:1:1: a\n"
	    "                  k.yaml:2:1: b\n"
	    "Cluster:          none\n"
	    "Memory:           4.2 MB resident\n"
	    "                  prefixes 57.0 MB, paths 0.0 kB, attributes 26.1 MB, changes 0.0 kB, "
	    "streams 0.0 kB, fib 0.0 kB, cluster 0.0 kB, queues 0.9 kB\n"
	    "Longest turn:     1.5 ms, 0.9 ms of them CPU time, 1m02s ago\n"
	    "                  longest in it: a timer, 0.7 ms\n");
	free(text);
}

static void test_status_shows_the_mesh(void **state)
{
	static const char mesh[] =
	    "{'cluster':{'source':'manifests','folder':'m'},'mesh':{'takesPart':true,"
	    "'reflects':true,'nodes':5,'reflectors':1,'up':3,'total':4,'leaving':1,"
	    "'leftOut':['node-9: why','node-8: so']}}";
	static const char none[] = "{'cluster':{'source':'manifests'},'mesh':null}";
	char *text = show("status", mesh);

	(void)state;
	assert_non_null(strstr(text, "Mesh:             5 nodes, 1 reflector; this one reflects\n"
				     "                  3 of 4 peers up, 1 leaving\n"
				     "  left out:       node-9: why\n"
				     "                  node-8: so\n"));
	free(text);
	text = show("status", none);
	assert_null(strstr(text, "Mesh"));
	free(text);
}

static void test_status_shows_how_old_the_cluster_is(void **state)
{
	static const char lost[] =
	    "{'cluster':{'source':'kubernetes','synced':true,'nodes':1,'services':2,"
	    "'endpointSlices':3,'servicesAnnounced':1,'apiServer':{'server':'api:6443',"
	    "'connected':false,'staleSeconds':62,'lastError':'api:6443: refused',"
	    "'requests':9,'failures':2,'events':1}}}";
	static const char found[] =
	    "{'cluster':{'source':'kubernetes','apiServer':{'server':'api:6443',"
	    "'connected':true,'lastError':'api:6443: refused'}}}";
	char *text = show("status", lost);

	(void)state;
	assert_non_null(strstr(text, "API server api:6443: not connected, as it was 1m02s ago\n"
				     "                  9 requests, 2 failed, 1 event\n"
				     "  last error:     api:6443: refused\n"));
	free(text);
	text = show("status", found);
	assert_non_null(strstr(text, "API server api:6443: connected\n"));
	assert_null(strstr(text, "last error"));
	free(text);
}

static void test_status_shows_a_node_that_leaves(void **state)
{
	char *text = show("status", "{'leave':{'state':'draining','reason':'nodeUnschedulable',"
				    "'sinceSeconds':12,'remainingSeconds':78}}");

	(void)state;
	assert_non_null(strstr(
	    text, "Leaving:          draining, nodeUnschedulable, for 12s, next step in 1m18s\n"));
	free(text);
	text = show("status", "{'leave':{'state':'drained','reason':'nodeToBeDeleted',"
			      "'sinceSeconds':90,'remainingSeconds':0}}");
	assert_non_null(strstr(text, "Leaving:          drained, nodeToBeDeleted, for 1m30s\n"));
	free(text);
	text = show("status", "{'leave':{'state':'staying','reason':null}}");
	assert_null(strstr(text, "Leaving"));
	free(text);
}

static void test_a_peer_page_survives_missing_keys(void **state)
{
	char *text = show("peer", "[{'name':'tor-a'}]");

	(void)state;
	assert_non_null(strstr(text, "Peer:             tor-a\n"));
	assert_non_null(strstr(text, "Connection:       none\n"));
	free(text);
}

static void test_a_peer_page_tells_the_rules(void **state)
{
	char *text = show("peer",
	    "[{'name':'vms-10.9.0.5','address':'10.9.0.5','range':'vms','remoteASN':65010,"
	    "'localASN':64999,'localASNMode':'replace','role':'customer','strictRole':true,"
	    "'remoteRole':'provider','families':{'ipv4':{'configured':true,'negotiated':true,"
	    "'received':3,'accepted':2,'advertised':1,'addPathSend':true,'addPathReceive':true},"
	    "'ipv6':{'configured':true,'negotiated':true,'addPathSend':true}},"
	    "'maxPrefixes':1000,'maxPrefixesWarning':75,'routeReflectorClient':true,"
	    "'clusterID':'10.0.0.1','maxASPathLength':20,'enforceFirstAS':false,"
	    "'stripAttributes':['AIGP','128'],'refusedPaths':7,'allowOwnASN':2,'aigp':true,"
	    "'password':true,'connectedCheck':false,'ebgpMultihop':1,'timers':{'holdTime':90,"
	    "'keepaliveTime':30,'configuredHoldTime':90,'connectRetryTime':0.3,"
	    "'delayOpenTime':2.5},'flaps':1}]");
	static const char *const lines[] = {
	    "Address:          10.9.0.5, of range vms\n",
	    "AS:               65010, ours 64999, replace\n",
	    "Role:             provider, ours customer, strict\n",
	    "Transport:        direct, TTL 1, MD5 password, not checked for being connected\n",
	    "Timers:           hold 90s, keepalive 30s, configured hold 90s, connect retry 0.3s, "
	    "delay of the OPEN 2.5s\n",
	    "Counters:         1 flap, 0 connection attempts, 0 bytes queued\n",
	    "Prefixes:         IPv4: 3 received, 2 accepted, 1 advertised (negotiated, several paths"
	    " both ways)\n"
	    "                  IPv6: 0 received, 0 accepted, 0 advertised (negotiated, several paths"
	    " sent)\n"
	    "                  limit 1000 per family, warning at 75%\n",
	    "                  a route reflector client of cluster 10.0.0.1\n"
	    "                  AS paths of up to 20\n"
	    "                  AS paths may begin with any AS\n"
	    "                  our own AS up to 2 times in AS paths\n"
	    "                  AIGP is exchanged\n"
	    "  stripped:       AIGP, 128\n",
	    "                  7 paths over the limit of one prefix refused\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(text, lines[i]))
			fail_msg("no \"%s\" in:\n%s", lines[i], text);
	free(text);
}

static void test_a_peer_page_says_nothing_twice(void **state)
{
	char *text = show("peer", "[{'holdReason':'down','lastError':'down','lastFailure':{"
				  "'reason':'sent Cease','notification':'Cease'}}]");

	(void)state;
	assert_non_null(strstr(text, "Held down:        down\nLast failure:     sent Cease\nConn"));
	free(text);
	text = show("peer", "[{'lastError':'sent Cease','lastFailure':{'reason':'sent Cease'}}]");
	assert_non_null(strstr(text, "Last error:       sent Cease\nConnection:"));
	free(text);
}

static void test_an_internal_neighbour_may_be_anywhere(void **state)
{
	char *text = show("peer", "[{'name':'a','remoteASN':1,'localASN':1,'ebgpMultihop':1}]");

	(void)state;
	assert_non_null(strstr(text, "Transport:        any distance\n"));
	free(text);
}

static void test_a_route_shows_its_rare_attributes(void **state)
{
	(void)state;
	assert_shows("route",
	    "[{'prefix':'10.1.0.0/24','best':true,'state':'best','reason':'best','peer':'tor-a',"
	    "'source':'ebgp','pathID':4,'nextHop':'10.0.0.1','asPath':[65000],'origin':'IGP',"
	    "'localPref':100,'med':null,'aigp':1.8446744073709552e19,'otc':4200000000}]",
	    "10.1.0.0/24: 1 path\n"
	    "> from tor-a (ebgp) path 4: best, the only usable path\n"
	    "    next hop 10.0.0.1, AS path 65000, origin IGP\n"
	    "    local preference 100, MED -, AIGP 18446744073709551616, only to customers of "
	    "AS 4200000000\n");
}

static void test_durations_have_two_units(void **state)
{
	static const struct {
		long long seconds;
		const char *text;
	} cases[] = {{0, "0s"}, {59, "59s"}, {60, "1m00s"}, {3599, "59m59s"}, {3600, "1h00m"},
	    {86399, "23h59m"}, {86400, "1d00h"}, {1000000, "11d13h"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text text = {0};

		format_append_duration(&text, cases[i].seconds);
		assert_string_equal(text.string, cases[i].text);
		text_free(&text);
	}
}

static void test_an_unknown_view_is_none(void **state)
{
	(void)state;
	assert_null(view_find("nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_peers_have_a_line_each),
	    cmocka_unit_test(test_an_unnumbered_peer_is_at_its_interface),
	    cmocka_unit_test(test_routes_have_a_line_per_path),
	    cmocka_unit_test(test_a_route_says_why_each_path_won_or_lost),
	    cmocka_unit_test(test_a_best_path_is_compared_with_paths_that_can_be_used),
	    cmocka_unit_test(test_advertisements_give_the_reason),
	    cmocka_unit_test(test_advertisements_show_what_is_merged),
	    cmocka_unit_test(test_fib_lists_the_hops_of_a_route),
	    cmocka_unit_test(test_next_hops_tell_what_is_wrong),
	    cmocka_unit_test(test_an_event_is_a_line_that_nobody_can_forge),
	    cmocka_unit_test(test_status_shows_what_was_refused),
	    cmocka_unit_test(test_status_shows_the_mesh),
	    cmocka_unit_test(test_status_shows_how_old_the_cluster_is),
	    cmocka_unit_test(test_status_shows_a_node_that_leaves),
	    cmocka_unit_test(test_a_peer_page_survives_missing_keys),
	    cmocka_unit_test(test_a_peer_page_tells_the_rules),
	    cmocka_unit_test(test_a_peer_page_says_nothing_twice),
	    cmocka_unit_test(test_an_internal_neighbour_may_be_anywhere),
	    cmocka_unit_test(test_a_route_shows_its_rare_attributes),
	    cmocka_unit_test(test_durations_have_two_units),
	    cmocka_unit_test(test_an_unknown_view_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
