/*
 * Path attributes decoded: RFC 4271 5 and 6.3, 1997, 4360, 4456, 4760, 5065, 5701, 6793, 7311,
 * 7606, 7607, 8092, 8950, 9234.  Most of it is one table of Path Attributes fields: what goes in, the
 * verdict, and what is left.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "attribute_vectors.h"

static const struct vector {
	const char *name;
	unsigned options;
	const char *hex;
	uint8_t treatment;
	uint8_t error_type;
	uint8_t subcode;
	const char *data;
	const char *want; /* what is decoded, NULL: not looked at */
} vectors[] = {
    /* Well-formed. */
    {"mandatory ones, external", EXTERNAL, GOOD, ACCEPT, 0, 0, "", GOOD_TEXT},
    {"mandatory ones, internal", 0, GOOD LOCAL_PREF, ACCEPT, 0, 0, "", GOOD_TEXT " pref 100"},
    {"any order (4271 5)", EXTERNAL, NEXT_HOP AS_PATH ORIGIN, ACCEPT, 0, 0, "", GOOD_TEXT},
    {"EGP", EXTERNAL, "40 01 01 01" AS_PATH NEXT_HOP, ACCEPT, 0, 0, "",
	"origin EGP path 64512 via 192.0.2.1"},
    {"incomplete", EXTERNAL, "40 01 01 02" AS_PATH NEXT_HOP, ACCEPT, 0, 0, "",
	"origin incomplete path 64512 via 192.0.2.1"},
    {"extended length bit on short values (4271 4.3)", EXTERNAL,
	"50 01 0001 00 50 02 0006 02 01 0000fc00 50 03 0004 c0000201", ACCEPT, 0, 0, "", GOOD_TEXT},
    {"low flag bits are ignored (4271 4.3)", EXTERNAL, "4f 01 01 00" AS_PATH NEXT_HOP, ACCEPT, 0, 0,
	"", GOOD_TEXT},
    {"empty AS_PATH", 0, ORIGIN "40 02 00" NEXT_HOP LOCAL_PREF, ACCEPT, 0, 0, "",
	"origin IGP path via 192.0.2.1 pref 100"},
    {"MULTI_EXIT_DISC", EXTERNAL, GOOD "80 04 04 0000000a", ACCEPT, 0, 0, "", GOOD_TEXT " med 10"},
    {"ATOMIC_AGGREGATE", EXTERNAL, GOOD "40 06 00", ACCEPT, 0, 0, "", GOOD_TEXT " atomic"},
    {"AGGREGATOR (6793)", EXTERNAL, GOOD "c0 07 08 00010000 c0000202", ACCEPT, 0, 0, "",
	GOOD_TEXT " aggregator 65536 c0000202"},
    {"AGGREGATOR of 6 from an old speaker", EXTERNAL | OLD, GOOD_OLD "c0 07 06 fc00 c0000202",
	ACCEPT, 0, 0, "", GOOD_TEXT " aggregator 64512 c0000202"},
    {"COMMUNITIES (1997)", EXTERNAL, GOOD "c0 08 08 fc000001 ffffff01", ACCEPT, 0, 0, "",
	GOOD_TEXT " communities 64512:1 no-export"},
    {"EXTENDED_COMMUNITIES (4360)", EXTERNAL, GOOD "c0 10 08 0002fc0000000001", ACCEPT, 0, 0, "",
	GOOD_TEXT " communities rt:64512:1"},
    {"LARGE_COMMUNITIES (8092)", EXTERNAL, GOOD "c0 20 0c 0000fc00 00000001 00000002", ACCEPT, 0, 0,
	"", GOOD_TEXT " communities large:64512:1:2"},
    {"reflected (4456 8)", 0, GOOD LOCAL_PREF "80 09 04 0a000001 80 0a 08 0a000002 0a000003",
	ACCEPT, 0, 0, "", GOOD_TEXT " pref 100 originator 0a000001 clusters 8"},
    {"IPV6_EXTENDED_COMMUNITIES (5701 2)", EXTERNAL, GOOD "c0 19 14 0002 20010db8 00*11 01 0064",
	ACCEPT, 0, 0, "", GOOD_TEXT " communities rt:[2001:db8::1]:100"},
    {"unknown type and subtype there is no error (7606 7.15)", EXTERNAL, GOOD "c0 19 14 7f*20",
	ACCEPT, 0, 0, "", GOOD_TEXT " communities ext6:0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f"},
    {"AIGP (7311 3)", EXTERNAL, GOOD "80 1a 0b 01 000b 000000000000000a", ACCEPT, 0, 0, "",
	GOOD_TEXT " aigp 11"},
    {"AIGP with other TLVs (7311 3.2)", EXTERNAL, GOOD "80 1a 12 02 0004 07 01 000b 00*8 ff 0003",
	ACCEPT, 0, 0, "", GOOD_TEXT " aigp 18"},
    {"AIGP with two metrics, the second the largest (7311 3.2)", EXTERNAL,
	GOOD "80 1a 16 01 000b 00*8 01 000b ff*8", ACCEPT, 0, 0, "", GOOD_TEXT " aigp 22"},
    {"OTC (9234 5)", EXTERNAL, GOOD "c0 23 04 0000fc01", ACCEPT, 0, 0, "", GOOD_TEXT " otc 64513"},

    /* Unknown attributes (4271 5, 6.3). */
    {"unknown optional transitive is kept, Partial", EXTERNAL, GOOD "c0 63 02 abcd", ACCEPT, 0, 0,
	"", GOOD_TEXT " unknown 99 e0 2"},
    {"already Partial", EXTERNAL, GOOD "e0 63 00", ACCEPT, 0, 0, "", GOOD_TEXT " unknown 99 e0 0"},
    {"extended length is no part of its flags", EXTERNAL, GOOD "d0 63 0001 00", ACCEPT, 0, 0, "",
	GOOD_TEXT " unknown 99 e0 1"},
    {"unknown ones are sorted by type", EXTERNAL, GOOD "c0 ff 00 c0 0b 00 c0 63 00", ACCEPT, 0, 0,
	"", GOOD_TEXT " unknown 11 e0 0 unknown 99 e0 0 unknown 255 e0 0"},
    {"unknown optional non-transitive is dropped", EXTERNAL, GOOD "80 63 02 abcd", ACCEPT, 0, 0, "",
	GOOD_TEXT},
    {"unknown well-known (6.3)", EXTERNAL, GOOD "40 63 02 abcd", RESET, 99, 2, "40 63 02 abcd",
	NULL},
    {"unknown well-known, not even transitive", EXTERNAL, GOOD "00 63 00", RESET, 99, 2, "00 63 00",
	NULL},

    /* Lengths (4271 6.3; treatment 7606 7). */
    {"ORIGIN of 0 (7606 7.1)", EXTERNAL, "40 01 00" AS_PATH NEXT_HOP, WITHDRAW, 1, 5, "40 01 00",
	NULL},
    {"ORIGIN of 2 (7606 7.1)", EXTERNAL, "40 01 02 0000" AS_PATH NEXT_HOP, WITHDRAW, 1, 5,
	"40 01 02 0000", NULL},
    {"ORIGIN 3 (7606 7.1)", EXTERNAL, "40 01 01 03" AS_PATH NEXT_HOP, WITHDRAW, 1, 6, "40 01 01 03",
	NULL},
    {"NEXT_HOP of 3 (7606 7.3)", EXTERNAL, ORIGIN AS_PATH "40 03 03 c00002", WITHDRAW, 3, 5,
	"40 03 03 c00002", NULL},
    {"NEXT_HOP of 16 (7606 7.3)", EXTERNAL, ORIGIN AS_PATH "40 03 10 00*16", WITHDRAW, 3, 5,
	"40 03 10 00*16", NULL},
    {"MULTI_EXIT_DISC of 3 (7606 7.4)", EXTERNAL, GOOD "80 04 03 000000", WITHDRAW, 4, 5,
	"80 04 03 000000", NULL},
    {"LOCAL_PREF of 5, internal (7606 7.5)", 0, GOOD "40 05 05 00*5", WITHDRAW, 5, 5,
	"40 05 05 00*5", NULL},
    {"LOCAL_PREF of 5, external (7606 7.5)", EXTERNAL, GOOD "40 05 05 00*5", DISCARD, 5, 1,
	"40 05 05 00*5", GOOD_TEXT},
    {"LOCAL_PREF, external (4271 5.1.5)", EXTERNAL, GOOD LOCAL_PREF, DISCARD, 5, 1,
	"40 05 04 00000064", GOOD_TEXT},
    {"ATOMIC_AGGREGATE of 1 (7606 7.6)", EXTERNAL, GOOD "40 06 01 00", DISCARD, 6, 5, "40 06 01 00",
	GOOD_TEXT},
    {"AGGREGATOR of 6 from a new speaker (7606 7.7)", EXTERNAL, GOOD "c0 07 06 fc00 c0000202",
	DISCARD, 7, 5, "c0 07 06 fc00 c0000202", GOOD_TEXT},
    {"AGGREGATOR of 8 from an old speaker (7606 7.7)", EXTERNAL | OLD, GOOD_OLD "c0 07 08 00*8",
	DISCARD, 7, 5, "c0 07 08 00*8", GOOD_TEXT},
    {"AGGREGATOR of 7", EXTERNAL, GOOD "c0 07 07 00*7", DISCARD, 7, 5, "c0 07 07 00*7", GOOD_TEXT},
    {"AGGREGATOR with AS 0 (7607 2)", EXTERNAL, GOOD "c0 07 08 00000000 c0000202", DISCARD, 7, 9,
	"c0 07 08 00000000 c0000202", GOOD_TEXT},
    {"COMMUNITIES of 0 (7606 7.8)", EXTERNAL, GOOD "c0 08 00", WITHDRAW, 8, 5, "c0 08 00", NULL},
    {"COMMUNITIES of 6 (7606 7.8)", EXTERNAL, GOOD "c0 08 06 00*6", WITHDRAW, 8, 5, "c0 08 06 00*6",
	NULL},
    {"ORIGINATOR_ID of 3, internal (7606 7.9)", 0, GOOD LOCAL_PREF "80 09 03 00*3", WITHDRAW, 9, 5,
	"80 09 03 00*3", NULL},
    {"ORIGINATOR_ID, external (7606 7.9)", EXTERNAL, GOOD "80 09 04 0a000001", DISCARD, 9, 1,
	"80 09 04 0a000001", GOOD_TEXT},
    {"CLUSTER_LIST of 0, internal (7606 7.10)", 0, GOOD LOCAL_PREF "80 0a 00", WITHDRAW, 10, 5,
	"80 0a 00", NULL},
    {"CLUSTER_LIST of 5, internal (7606 7.10)", 0, GOOD LOCAL_PREF "80 0a 05 00*5", WITHDRAW, 10, 5,
	"80 0a 05 00*5", NULL},
    {"CLUSTER_LIST of 5, external (7606 7.10)", EXTERNAL, GOOD "80 0a 05 00*5", DISCARD, 10, 1,
	"80 0a 05 00*5", GOOD_TEXT},
    {"EXTENDED_COMMUNITIES of 0 (7606 7.14)", EXTERNAL, GOOD "c0 10 00", WITHDRAW, 16, 5,
	"c0 10 00", NULL},
    {"EXTENDED_COMMUNITIES of 12 (7606 7.14)", EXTERNAL, GOOD "c0 10 0c 00*12", WITHDRAW, 16, 5,
	"c0 10 0c 00*12", NULL},
    {"LARGE_COMMUNITIES of 0 (8092 5)", EXTERNAL, GOOD "c0 20 00", WITHDRAW, 32, 5, "c0 20 00",
	NULL},
    {"LARGE_COMMUNITIES of 16 (8092 5)", EXTERNAL, GOOD "c0 20 10 00*16", WITHDRAW, 32, 5,
	"c0 20 10 00*16", NULL},

    {"IPV6_EXTENDED_COMMUNITIES of 0 (7606 7.15)", EXTERNAL, GOOD "c0 19 00", WITHDRAW, 25, 5,
	"c0 19 00", NULL},
    {"IPV6_EXTENDED_COMMUNITIES of 24 (7606 7.15)", EXTERNAL, GOOD "c0 19 18 00*24", WITHDRAW, 25,
	5, "c0 19 18 00*24", NULL},
    {"AIGP of 0 (7606 4)", EXTERNAL, GOOD "80 1a 00", DISCARD, 26, 5, "80 1a 00", GOOD_TEXT},
    {"AIGP, TLV shorter than its header (7311 3)", EXTERNAL, GOOD "80 1a 03 02 0002", DISCARD, 26,
	9, "80 1a 03 02 0002", GOOD_TEXT},
    {"AIGP, TLV over the end (7311 3)", EXTERNAL, GOOD "80 1a 03 02 0004", DISCARD, 26, 9,
	"80 1a 03 02 0004", GOOD_TEXT},
    {"AIGP, half a TLV behind one (7311 3)", EXTERNAL, GOOD "80 1a 0d 01 000b 00*8 01 00", DISCARD,
	26, 9, "80 1a 0d 01 000b 00*8 01 00", GOOD_TEXT},
    {"AIGP, metric of 10 (7311 3)", EXTERNAL, GOOD "80 1a 0a 01 000a 00*7", DISCARD, 26, 9,
	"80 1a 0a 01 000a 00*7", GOOD_TEXT},
    {"AIGP, metric of 12 (7311 3)", EXTERNAL, GOOD "80 1a 0c 01 000c 00*9", DISCARD, 26, 9,
	"80 1a 0c 01 000c 00*9", GOOD_TEXT},
    {"AIGP, the largest metric (7311 3.2)", EXTERNAL, GOOD "80 1a 0b 01 000b ff*8", DISCARD, 26, 9,
	"80 1a 0b 01 000b ff*8", GOOD_TEXT},
    {"OTC of 3 (9234 5)", EXTERNAL, GOOD "c0 23 03 000001", WITHDRAW, 35, 5, "c0 23 03 000001",
	NULL},
    {"OTC of 8 (9234 5)", EXTERNAL, GOOD "c0 23 08 00*8", WITHDRAW, 35, 5, "c0 23 08 00*8", NULL},

    /* Flags (4271 6.3; 7606 3 c). */
    {"AIGP transitive: discarded (7311 3.2)", EXTERNAL, GOOD "c0 1a 0b 01 000b 00*8", DISCARD, 26,
	4, "c0 1a 0b 01 000b 00*8", GOOD_TEXT},
    {"OTC not transitive", EXTERNAL, GOOD "80 23 04 0000fc01", WITHDRAW, 35, 4, "80 23 04 0000fc01",
	NULL},
    {"ORIGIN optional", EXTERNAL, "c0 01 01 00" AS_PATH NEXT_HOP, WITHDRAW, 1, 4, "c0 01 01 00",
	NULL},
    {"AS_PATH not transitive", EXTERNAL, ORIGIN "00 02 06 02 01 0000fc00" NEXT_HOP, WITHDRAW, 2, 4,
	"00 02 06 02 01 0000fc00", NULL},
    {"MULTI_EXIT_DISC transitive", EXTERNAL, GOOD "c0 04 04 00*4", WITHDRAW, 4, 4, "c0 04 04 00*4",
	NULL},
    {"COMMUNITIES not transitive", EXTERNAL, GOOD "80 08 04 00*4", WITHDRAW, 8, 4, "80 08 04 00*4",
	NULL},
    {"ATOMIC_AGGREGATE optional", EXTERNAL, GOOD "c0 06 00", WITHDRAW, 6, 4, "c0 06 00", NULL},
    {"Partial bit on a well-known one is let pass", EXTERNAL, "60 01 01 00" AS_PATH NEXT_HOP,
	ACCEPT, 0, 0, "", GOOD_TEXT},
    {"LOCAL_PREF optional, external: discarded first", EXTERNAL, GOOD "c0 05 04 00*4", DISCARD, 5,
	1, "c0 05 04 00*4", GOOD_TEXT},
    {"MP_REACH_NLRI transitive: its prefixes are still found", EXTERNAL | NO_NLRI,
	"c0 0e 1a 0002 01 10 20010db8 00*11 01 00 20 20010db8" ORIGIN AS_PATH, WITHDRAW, 14, 4,
	"c0 0e 1a 0002 01 10 20010db8 00*11 01 00 20 20010db8",
	"origin IGP path 64512 reach ipv6 5 2001:db8::1"},

    /* AS_PATH (7606 7.2, 7607 2, 5065 5). */
    {"AS_PATH with an unknown segment", EXTERNAL, ORIGIN "40 02 06 05 01 0000fc00" NEXT_HOP,
	WITHDRAW, 2, 11, "40 02 06 05 01 0000fc00", NULL},
    {"AS_PATH with an empty segment", EXTERNAL, ORIGIN "40 02 02 02 00" NEXT_HOP, WITHDRAW, 2, 11,
	"40 02 02 02 00", NULL},
    {"AS_PATH overrun", EXTERNAL, ORIGIN "40 02 06 02 02 0000fc00" NEXT_HOP, WITHDRAW, 2, 11,
	"40 02 06 02 02 0000fc00", NULL},
    {"AS_PATH of 2 octets from a new speaker", EXTERNAL, ORIGIN AS_PATH_OLD NEXT_HOP, WITHDRAW, 2,
	11, "40 02 04 02 01 fc00", NULL},
    {"AS 0", EXTERNAL, ORIGIN "40 02 06 02 01 00000000" NEXT_HOP, WITHDRAW, 2, 11,
	"40 02 06 02 01 00000000", NULL},
    {"confederation sequence, internal (5065 5)", 0,
	ORIGIN "40 02 06 03 01 0000fc00" NEXT_HOP LOCAL_PREF, WITHDRAW, 2, 11,
	"40 02 06 03 01 0000fc00", NULL},
    {"confederation set behind a sequence, internal (5065 5)", 0,
	ORIGIN "40 02 0c 02 01 0000fc00 04 01 0000fc00" NEXT_HOP LOCAL_PREF, WITHDRAW, 2, 11,
	"40 02 0c 02 01 0000fc00 04 01 0000fc00", NULL},
    {"confederation sequence, old speaker (5065 5)", EXTERNAL | OLD,
	ORIGIN "40 02 04 03 01 fc00" NEXT_HOP, WITHDRAW, 2, 11, "40 02 04 03 01 fc00", NULL},
    {"confederation sequence, external (5065 5)", EXTERNAL,
	ORIGIN "40 02 06 03 01 0000fc00" NEXT_HOP, WITHDRAW, 2, 11, "40 02 06 03 01 0000fc00",
	NULL},

    /* NEXT_HOP that nobody can forward to (4271 6.3, 7606 7.3). */
    {"NEXT_HOP 0.0.0.0", EXTERNAL, ORIGIN AS_PATH "40 03 04 00000000", WITHDRAW, 3, 8,
	"40 03 04 00000000", NULL},
    {"NEXT_HOP 127.0.0.1", EXTERNAL, ORIGIN AS_PATH "40 03 04 7f000001", WITHDRAW, 3, 8,
	"40 03 04 7f000001", NULL},
    {"NEXT_HOP 224.0.0.1", EXTERNAL, ORIGIN AS_PATH "40 03 04 e0000001", WITHDRAW, 3, 8,
	"40 03 04 e0000001", NULL},
    {"NEXT_HOP 255.255.255.255", EXTERNAL, ORIGIN AS_PATH "40 03 04 ffffffff", WITHDRAW, 3, 8,
	"40 03 04 ffffffff", NULL},
    {"NEXT_HOP is ignored beside MP_REACH_NLRI alone (4760 3)", EXTERNAL | NO_NLRI,
	MP_REACH ORIGIN AS_PATH "40 03 04 00000000", ACCEPT, 0, 0, "",
	"origin IGP path 64512 reach ipv6 5 2001:db8::1"},
    {"the same with MP_REACH_NLRI behind it", EXTERNAL | NO_NLRI,
	ORIGIN AS_PATH "40 03 01 00" MP_REACH, ACCEPT, 0, 0, "",
	"origin IGP path 64512 reach ipv6 5 2001:db8::1"},

    /* Missing ones (7606 3 d); the data is the type. */
    {"no ORIGIN", EXTERNAL, AS_PATH NEXT_HOP, WITHDRAW, 1, 3, "01", NULL},
    {"no AS_PATH", EXTERNAL, ORIGIN NEXT_HOP, WITHDRAW, 2, 3, "02", NULL},
    {"no NEXT_HOP", EXTERNAL, ORIGIN AS_PATH, WITHDRAW, 3, 3, "03", NULL},
    {"no LOCAL_PREF, internal (4271 5.1.5)", 0, GOOD, WITHDRAW, 5, 3, "05", NULL},
    {"nothing at all", EXTERNAL, "", WITHDRAW, 1, 3, "01", NULL},
    {"NEXT_HOP in MP_REACH_NLRI does not help IPv4 NLRI", EXTERNAL, MP_REACH ORIGIN AS_PATH,
	WITHDRAW, 3, 3, "03", NULL},
    {"MP_REACH_NLRI without ORIGIN", EXTERNAL | NO_NLRI, MP_REACH AS_PATH, WITHDRAW, 1, 3, "01",
	NULL},
    {"only withdrawn: nothing is mandatory", EXTERNAL | NO_NLRI, MP_UNREACH, ACCEPT, 0, 0, "",
	"unreach ipv6 5"},

    /* Duplicates (7606 3 g). */
    {"the first ORIGIN counts", EXTERNAL, GOOD "40 01 01 02", DISCARD, 1, 1, "40 01 01 02",
	GOOD_TEXT},
    {"a bad second one is not looked at", EXTERNAL, GOOD "40 02 02 02 00", DISCARD, 2, 1,
	"40 02 02 02 00", GOOD_TEXT},
    {"the first unknown one counts", EXTERNAL, GOOD "c0 63 01 01 c0 63 02 0202", DISCARD, 99, 1,
	"c0 63 02 0202", GOOD_TEXT " unknown 99 e0 1"},
    {"a bad first one, a good second one", EXTERNAL, "40 01 01 09" GOOD, WITHDRAW, 1, 6,
	"40 01 01 09", NULL},
    {"MP_REACH_NLRI twice", EXTERNAL | NO_NLRI, MP_REACH MP_REACH ORIGIN AS_PATH, RESET, 14, 1, "",
	NULL},
    {"MP_UNREACH_NLRI twice", EXTERNAL | NO_NLRI, MP_UNREACH MP_UNREACH, RESET, 15, 1, "", NULL},

    /* Several errors (7606 3 h). */
    {"withdraw outweighs discard", EXTERNAL, GOOD "40 06 01 00 c0 08 01 00", WITHDRAW, 8, 5,
	"c0 08 01 00", NULL},
    {"reset outweighs withdraw", EXTERNAL, "40 01 00" AS_PATH NEXT_HOP "40 63 00", RESET, 99, 2,
	"40 63 00", NULL},
    {"of equal ones the first", EXTERNAL, "40 01 01 07" AS_PATH NEXT_HOP "c0 08 01 00", WITHDRAW, 1,
	6, "40 01 01 07", NULL},

    /* The field does not add up (7606 4). */
    {"attribute runs over the end", EXTERNAL, GOOD "c0 08 05 00*4", WITHDRAW, 8, 1, "c0 08 05 00*4",
	NULL},
    {"one octet left", EXTERNAL, GOOD "c0", WITHDRAW, 0, 1, "c0", NULL},
    {"two octets left", EXTERNAL, GOOD "c0 08", WITHDRAW, 8, 1, "c0 08", NULL},
    {"three octets left, extended length", EXTERNAL, GOOD "d0 08 00", WITHDRAW, 8, 1, "d0 08 00",
	NULL},
    {"a wrong length inside does not shift the rest", EXTERNAL, GOOD "40 06 04 40010102", DISCARD,
	6, 5, "40 06 04 40010102", GOOD_TEXT},
    {"MP_REACH_NLRI over the end: its prefixes are lost (7606 3 j)", EXTERNAL,
	GOOD "80 0e 1b 0002 01 10 20010db8 00*11 01 00 20 20010db8", RESET, 14, 9,
	"80 0e 1b 0002 01 10 20010db8 00*11 01 00 20 20010db8", NULL},

    /* Attributes without reachable prefixes (7606 5.2). */
    {"error beside no NLRI", EXTERNAL | NO_NLRI, "40 01 01 09", RESET, 1, 6, "40 01 01 09", NULL},
    {"error beside MP_UNREACH_NLRI only", EXTERNAL | NO_NLRI, MP_UNREACH "c0 08 01 00", RESET, 8, 5,
	"c0 08 01 00", NULL},
    {"bad NEXT_HOP beside no NLRI", EXTERNAL | NO_NLRI, "40 03 03 000000", RESET, 3, 5,
	"40 03 03 000000", NULL},
    {"discard beside no NLRI is no reset", EXTERNAL | NO_NLRI, MP_UNREACH "40 06 01 00", DISCARD, 6,
	5, "40 06 01 00", "unreach ipv6 5"},
    {"flags of MP_UNREACH_NLRI alone", EXTERNAL | NO_NLRI, "c0 0f 08 0002 01 20 20010db8", WITHDRAW,
	15, 4, "c0 0f 08 0002 01 20 20010db8", "unreach ipv6 5"},
    {"garbage beside no NLRI", EXTERNAL | NO_NLRI, "40", RESET, 0, 1, "", NULL},
    {"AS_PATH malformed beside no NLRI", EXTERNAL | NO_NLRI, "40 02 02 02 00", RESET, 2, 11, "",
	NULL},
    {"error beside an MP_REACH_NLRI without prefixes", EXTERNAL | NO_NLRI,
	"80 0e 15 0002 01 10 20010db8 00*11 01 00" ORIGIN AS_PATH "c0 08 01 00", RESET, 8, 5,
	"c0 08 01 00", NULL},
    {"error beside an MP_REACH_NLRI that is not ours", EXTERNAL | NO_NLRI | NO_IPV6,
	MP_REACH ORIGIN AS_PATH "c0 08 01 00", WITHDRAW, 8, 5, "c0 08 01 00", NULL},

    /* MP_REACH_NLRI and MP_UNREACH_NLRI (4760, 2545, 8950, 7606 5.3 and 7.11). */
    {"IPv6", EXTERNAL | NO_NLRI, MP_REACH ORIGIN AS_PATH, ACCEPT, 0, 0, "",
	"origin IGP path 64512 reach ipv6 5 2001:db8::1"},
    {"IPv4 and IPv6 in one message", EXTERNAL, MP_REACH GOOD, ACCEPT, 0, 0, "",
	GOOD_TEXT " reach ipv6 5 2001:db8::1"},
    {"global and link-local (2545 3)", EXTERNAL | NO_NLRI,
	"80 0e 2a 0002 01 20 20010db8 00*11 01 fe80 00*13 02 00 20 20010db8" ORIGIN AS_PATH, ACCEPT,
	0, 0, "", "origin IGP path 64512 reach ipv6 5 2001:db8::1 fe80::2"},
    {"link-local alone", EXTERNAL | NO_NLRI,
	"80 0e 1a 0002 01 10 fe80 00*13 02 00 20 20010db8" ORIGIN AS_PATH, ACCEPT, 0, 0, "",
	"origin IGP path 64512 reach ipv6 5 fe80::2 fe80::2"},
    {"unspecified and link-local", EXTERNAL | NO_NLRI,
	"80 0e 2a 0002 01 20 00*16 fe80 00*13 02 00 20 20010db8" ORIGIN AS_PATH, ACCEPT, 0, 0, "",
	"origin IGP path 64512 reach ipv6 5 fe80::2 fe80::2"},
    {"a second address that is not link-local is not one (2545 3)", EXTERNAL | NO_NLRI,
	"80 0e 2a 0002 01 20 20010db8 00*11 01 20010db8 00*11 02 00 20 20010db8" ORIGIN AS_PATH,
	ACCEPT, 0, 0, "", "origin IGP path 64512 reach ipv6 5 2001:db8::1"},
    {"nor is :: (2545 3)", EXTERNAL | NO_NLRI,
	"80 0e 2a 0002 01 20 20010db8 00*11 01 00*16 00 20 20010db8" ORIGIN AS_PATH, ACCEPT, 0, 0,
	"", "origin IGP path 64512 reach ipv6 5 2001:db8::1"},
    {"reserved octet is ignored (4760 3)", EXTERNAL | NO_NLRI,
	"80 0e 1a 0002 01 10 20010db8 00*11 01 ff 20 20010db8" ORIGIN AS_PATH, ACCEPT, 0, 0, "",
	"origin IGP path 64512 reach ipv6 5 2001:db8::1"},
    {"no prefix in it", EXTERNAL | NO_NLRI,
	"80 0e 15 0002 01 10 20010db8 00*11 01 00" ORIGIN AS_PATH, ACCEPT, 0, 0, "",
	"origin IGP path 64512 reach ipv6 0 2001:db8::1"},
    {"IPv4 with an IPv4 next hop", EXTERNAL | NO_NLRI,
	"80 0e 0b 0001 01 04 c0000201 00 08 0a" ORIGIN AS_PATH, ACCEPT, 0, 0, "",
	"origin IGP path 64512 reach ipv4 2 192.0.2.1"},
    {"IPv4 with an IPv6 next hop (8950 3)", EXTERNAL | NO_NLRI | ENHE,
	"80 0e 17 0001 01 10 20010db8 00*11 01 00 08 0a" ORIGIN AS_PATH, ACCEPT, 0, 0, "",
	"origin IGP path 64512 reach ipv4 2 2001:db8::1"},
    {"the same, not negotiated", EXTERNAL | NO_NLRI,
	"80 0e 17 0001 01 10 20010db8 00*11 01 00 08 0a" ORIGIN AS_PATH, RESET, 14, 9,
	"80 0e 17 0001 01 10 20010db8 00*11 01 00 08 0a", NULL},
    {"IPv6 with an IPv4 next hop (7606 7.11)", EXTERNAL | NO_NLRI,
	"80 0e 0e 0002 01 04 c0000201 00 20 20010db8" ORIGIN AS_PATH, RESET, 14, 9,
	"80 0e 0e 0002 01 04 c0000201 00 20 20010db8", NULL},
    {"next hop of 0 (7606 7.11)", EXTERNAL | NO_NLRI, "80 0e 05 0002 01 00 00" ORIGIN AS_PATH,
	RESET, 14, 9, "80 0e 05 0002 01 00 00", NULL},
    {"next hop of 24 (7606 7.11)", EXTERNAL | NO_NLRI,
	"80 0e 1d 0002 01 18 20*24 00" ORIGIN AS_PATH, RESET, 14, 9, "80 0e 1d 0002 01 18 20*24 00",
	NULL},
    {"next hop of 48 (7606 7.11)", EXTERNAL | NO_NLRI,
	"80 0e 35 0002 01 30 20*48 00" ORIGIN AS_PATH, RESET, 14, 9, "80 0e 35 0002 01 30 20*48 00",
	NULL},
    {"IPv4 with a next hop of 24, which is for VPNs (8950 3)", EXTERNAL | NO_NLRI | ENHE,
	"80 0e 1f 0001 01 18 00*8 20010db8 00*11 01 00 08 0a" ORIGIN AS_PATH, RESET, 14, 9,
	"80 0e 1f 0001 01 18 00*8 20010db8 00*11 01 00 08 0a", NULL},
    {"IPv4 with both IPv6 next hops (8950 3)", EXTERNAL | NO_NLRI | ENHE,
	"80 0e 27 0001 01 20 20010db8 00*11 01 fe80 00*13 02 00 08 0a" ORIGIN AS_PATH, ACCEPT, 0, 0,
	"", "origin IGP path 64512 reach ipv4 2 2001:db8::1 fe80::2"},
    {"next hop over the end", EXTERNAL | NO_NLRI, "80 0e 14 0002 01 10 20*16" ORIGIN AS_PATH, RESET,
	14, 9, "80 0e 14 0002 01 10 20*16", NULL},
    {"MP_REACH_NLRI of 4 (7606 5.3)", EXTERNAL | NO_NLRI, "80 0e 04 0002 01 00" ORIGIN AS_PATH,
	RESET, 14, 9, "80 0e 04 0002 01 00", NULL},
    {"MP_REACH_NLRI of 0", EXTERNAL | NO_NLRI, "80 0e 00" ORIGIN AS_PATH, RESET, 14, 9, "80 0e 00",
	NULL},
    {"MP_REACH_NLRI, prefix too long", EXTERNAL | NO_NLRI,
	"80 0e 16 0002 01 10 20010db8 00*11 01 00 81" ORIGIN AS_PATH, RESET, 14, 9,
	"80 0e 16 0002 01 10 20010db8 00*11 01 00 81", NULL},
    {"MP_REACH_NLRI, prefix cut", EXTERNAL | NO_NLRI,
	"80 0e 17 0002 01 10 20010db8 00*11 01 00 20 20" ORIGIN AS_PATH, RESET, 14, 9,
	"80 0e 17 0002 01 10 20010db8 00*11 01 00 20 20", NULL},
    {"next hop :: is no next hop", EXTERNAL | NO_NLRI,
	"80 0e 1a 0002 01 10 00*16 00 20 20010db8" ORIGIN AS_PATH, WITHDRAW, 14, 9, "", NULL},
    {"next hop :: of no prefix", EXTERNAL | NO_NLRI, "80 0e 15 0002 01 10 00*16 00" ORIGIN AS_PATH,
	ACCEPT, 0, 0, "", "origin IGP path 64512 reach ipv6 0 ::"},
    {"next hop ::1", EXTERNAL | NO_NLRI,
	"80 0e 1a 0002 01 10 00*15 01 00 20 20010db8" ORIGIN AS_PATH, WITHDRAW, 14, 9, "", NULL},
    {"next hop ff02::1", EXTERNAL | NO_NLRI,
	"80 0e 1a 0002 01 10 ff02 00*13 01 00 20 20010db8" ORIGIN AS_PATH, WITHDRAW, 14, 9, "",
	NULL},
    {"family not negotiated: ignored (4760 8)", EXTERNAL | NO_NLRI | NO_IPV6,
	MP_REACH ORIGIN AS_PATH, DISCARD, 14, 9, MP_REACH, "origin IGP path 64512"},
    {"VPNv4: ignored, whatever is in it", EXTERNAL, GOOD "80 0e 05 0001 80 ff 00", DISCARD, 14, 9,
	"80 0e 05 0001 80 ff 00", GOOD_TEXT},
    {"withdrawn of a family not negotiated", EXTERNAL | NO_NLRI | NO_IPV6, MP_UNREACH, DISCARD, 15,
	9, MP_UNREACH, ""},
    {"MP_UNREACH_NLRI of 2 (7606 5.3)", EXTERNAL | NO_NLRI, "80 0f 02 0002", RESET, 15, 9,
	"80 0f 02 0002", NULL},
    {"MP_UNREACH_NLRI, prefix cut", EXTERNAL | NO_NLRI, "80 0f 06 0002 01 20 20 01", RESET, 15, 9,
	"80 0f 06 0002 01 20 20 01", NULL},
    {"MP_UNREACH_NLRI, empty", EXTERNAL | NO_NLRI, "80 0f 03 0002 01", ACCEPT, 0, 0, "",
	"unreach ipv6 0"},

    /* Old speakers (6793 4.2.3 and 6). */
    {"AS_PATH of 2 octets", EXTERNAL | OLD, GOOD_OLD, ACCEPT, 0, 0, "", GOOD_TEXT},
    {"AS4_PATH", EXTERNAL | OLD,
	ORIGIN "40 02 06 02 02 fc00 5ba0" NEXT_HOP "c0 11 06 02 01 00011170", ACCEPT, 0, 0, "",
	"origin IGP path 64512 70000 via 192.0.2.1"},
    {"AS4_PATH in front of AS_PATH", EXTERNAL | OLD,
	"c0 11 06 02 01 00011170" ORIGIN "40 02 06 02 02 fc00 5ba0" NEXT_HOP, ACCEPT, 0, 0, "",
	"origin IGP path 64512 70000 via 192.0.2.1"},
    {"AS4_PATH longer than AS_PATH is ignored", EXTERNAL | OLD,
	GOOD_OLD "c0 11 0a 02 02 00011170 00011170", ACCEPT, 0, 0, "", GOOD_TEXT},
    {"AS4_AGGREGATOR", EXTERNAL | OLD, GOOD_OLD "c0 07 06 5ba0 c0000202 c0 12 08 00011170 c0000203",
	ACCEPT, 0, 0, "", GOOD_TEXT " aggregator 70000 c0000203"},
    {"AGGREGATOR is not AS_TRANS: both AS4 ones are ignored", EXTERNAL | OLD,
	ORIGIN "40 02 06 02 02 fc00 5ba0" NEXT_HOP "c0 07 06 fc00 c0000202 "
	       "c0 11 06 02 01 00011170 c0 12 08 00011170 c0000203",
	ACCEPT, 0, 0, "", "origin IGP path 64512 23456 via 192.0.2.1 aggregator 64512 c0000202"},
    {"AGGREGATOR is not AS_TRANS, no AS4_AGGREGATOR: AS4_PATH counts", EXTERNAL | OLD,
	ORIGIN "40 02 06 02 02 fc00 5ba0" NEXT_HOP "c0 07 06 fc00 c0000202 c0 11 06 02 01 00011170",
	ACCEPT, 0, 0, "", "origin IGP path 64512 70000 via 192.0.2.1 aggregator 64512 c0000202"},
    {"AS4_AGGREGATOR without AGGREGATOR", EXTERNAL | OLD, GOOD_OLD "c0 12 08 00011170 c0000203",
	ACCEPT, 0, 0, "", GOOD_TEXT},
    {"AS4_PATH with a confederation segment: only that goes (6)", EXTERNAL | OLD,
	ORIGIN "40 02 06 02 02 fc00 5ba0" NEXT_HOP "c0 11 0c 03 01 00000001 02 01 00011170", ACCEPT,
	0, 0, "", "origin IGP path 64512 70000 via 192.0.2.1"},
    {"AS4_PATH malformed (6)", EXTERNAL | OLD, GOOD_OLD "c0 11 06 02 02 00011170", DISCARD, 17, 9,
	"c0 11 06 02 02 00011170", GOOD_TEXT},
    {"AS4_PATH of 0 (6)", EXTERNAL | OLD, GOOD_OLD "c0 11 00", DISCARD, 17, 5, "c0 11 00",
	GOOD_TEXT},
    {"AS4_PATH of odd length (6)", EXTERNAL | OLD, GOOD_OLD "c0 11 07 02 01 00011170 00", DISCARD,
	17, 5, "c0 11 07 02 01 00011170 00", GOOD_TEXT},
    {"AS4_PATH with AS 0 (7607 2)", EXTERNAL | OLD, GOOD_OLD "c0 11 06 02 01 00000000", DISCARD, 17,
	9, "c0 11 06 02 01 00000000", GOOD_TEXT},
    {"AS4_AGGREGATOR of 6 (6)", EXTERNAL | OLD, GOOD_OLD "c0 12 06 00*6", DISCARD, 18, 5,
	"c0 12 06 00*6", GOOD_TEXT},
    {"AS4_AGGREGATOR with AS 0 (7607 2)", EXTERNAL | OLD, GOOD_OLD "c0 12 08 00*8", DISCARD, 18, 9,
	"c0 12 08 00*8", GOOD_TEXT},
    {"AS4_PATH from a new speaker (4.1)", EXTERNAL, GOOD "c0 11 06 02 01 00011170", DISCARD, 17, 1,
	"c0 11 06 02 01 00011170", GOOD_TEXT},
    {"AS4_AGGREGATOR from a new speaker (4.1)", EXTERNAL,
	GOOD "c0 07 08 00005ba0 c0000202 c0 12 08 00011170 c0000203", DISCARD, 18, 1,
	"c0 12 08 00011170 c0000203", GOOD_TEXT " aggregator 23456 c0000202"},
};

static void check_vector(const struct vector *v, const struct bgp_attributes *attributes,
    const struct bgp_attributes_result *result)
{
	const struct bgp_notification *notification = &result->notification;
	struct text text = {0};

	if (result->treatment != v->treatment || result->error_type != v->error_type ||
	    notification->subcode != v->subcode ||
	    notification->code != (v->treatment ? BGP_ERROR_UPDATE : 0))
		fail_msg("%s: treatment %u type %u error %u/%u", v->name, result->treatment,
		    result->error_type, notification->code, notification->subcode);
	hex_assert(
	    v->name, (struct wire_span){notification->data, notification->data_length}, v->data);
	text_append(&text, "%s", "");
	describe(&text, attributes);
	describe_reach(&text, "reach", &result->mp_reach);
	if (result->mp_reach.present)
		describe_next_hop(&text, &result->mp_next_hop);
	describe_reach(&text, "unreach", &result->mp_unreach);
	if (v->want && strcmp(*text.string ? text.string + 1 : "", v->want))
		fail_msg("%s: got \"%s\"", v->name, text.string);
	text_free(&text);
}

static void decodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct wire_span span = hex_bytes(v->hex);
		struct bgp_codec codec = codec_of(v->options);
		struct bgp_attributes attributes;
		struct bgp_attributes_result result;
		struct arena arena = {0};

		memset(&attributes, 0xa5, sizeof(attributes));
		memset(&result, 0xa5, sizeof(result));
		bgp_attributes_decode(
		    span, &codec, NULL, !(v->options & NO_NLRI), &arena, &attributes, &result);
		check_vector(v, &attributes, &result);
		arena_free(&arena);
		hex_free(span);
	}
}

/* Whatever is cut off of a field, decoding ends with a verdict and reads nothing past the end. */
static void survives_every_cut(void **state)
{
	struct wire_span span = hex_bytes(MP_REACH GOOD
	    "80 04 04 0000000a c0 07 08 00010000 c0000202 c0 08 04 fc000001 d0 10 0008 00*8 "
	    "c0 20 0c 00*12 e0 63 03 010203");

	(void)state;
	for (unsigned options = 0; options < 32; options++) {
		struct bgp_codec codec = codec_of(options);

		for (size_t length = 0; length <= span.length; length++) {
			uint8_t *copy = memory_copy(span.bytes, length);
			struct bgp_attributes attributes;
			struct bgp_attributes_result result;
			struct arena arena = {0};

			bgp_attributes_decode((struct wire_span){copy, length}, &codec, NULL,
			    !(options & NO_NLRI), &arena, &attributes, &result);
			assert_true(result.treatment <= BGP_TREATMENT_RESET_SESSION);
			arena_free(&arena);
			free(copy);
		}
	}
	hex_free(span);
}

static void names_attributes(void **state)
{
	char text[16];

	(void)state;
	assert_string_equal(bgp_attribute_name(2, text), "AS_PATH");
	assert_string_equal(bgp_attribute_name(32, text), "LARGE_COMMUNITIES");
	assert_string_equal(bgp_attribute_name(0, text), "attribute 0");
	assert_string_equal(bgp_attribute_name(63, text), "attribute 63");
	assert_string_equal(bgp_attribute_name(255, text), "attribute 255");
	assert_string_equal(bgp_origin_name(2), "incomplete");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes),
	    cmocka_unit_test(survives_every_cut),
	    cmocka_unit_test(names_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
