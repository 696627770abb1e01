/*
 * Interned attribute sets against a naive count, over random operations: thousands of contents,
 * made and given back all the time.  Equal contents are one pointer, others are not, a set is what
 * it was made of for as long as anybody has it, and the store is empty in the end.  Next hops come
 * and go with their sets.  See model_random.h for a longer run.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/memory.h"
#include "model_random.h"
#include "routes.h"

enum {
	SEEDS = 2,
	STEPS = 600000,
	PHASE = 60000, /* steps in which the store grows or shrinks */
	CONTENTS = 5000,
	NEXT_HOPS = 50,
	REFERENCES_MAX = 20
};

struct model {
	struct attribute_store store;
	uint64_t random;
	struct attribute_set *sets[CONTENTS]; /* NULL: nobody has it */
	uint32_t references[CONTENTS];
	uint32_t count; /* of sets */
	const struct rib_next_hop *tracked[NEXT_HOPS];
	uint32_t users[NEXT_HOPS]; /* sets with this next hop */
	uint32_t next_hop_count;
	struct arena arena;
};

/* Contents differ in little: a number, its absence, the length of a list, an extra. */
static struct bgp_attributes make_content(
    struct model *model, uint32_t content, struct attribute_set_extra *extra)
{
	const uint32_t ases[] = {64512 + content % 7, 65001, 65002, 65003, 65004, 0};
	struct bgp_attributes attributes =
	    attributes_of(&model->arena, NULL, content % 11 ? &ases[content % 5] : NULL);

	attributes.next_hop.address = ip_address_from_ipv4(0xc0000200 + content % NEXT_HOPS);
	if (content % 2)
		set_med(&attributes, content / 1000);
	if (content % 3)
		set_local_pref(&attributes, content / 500);
	for (uint32_t i = 0; i < content % 4; i++)
		add_community(&model->arena, &attributes, content / 10 + i * 65536);
	attributes.origin = content % 13 ? BGP_ORIGIN_IGP : BGP_ORIGIN_EGP;
	*extra = (struct attribute_set_extra){
	    .kernel_metric = content % 17 ? 0 : content, .audience = content % 19 ? 0 : content};
	/* Whatever it has besides, this tells it from all the others. */
	add_community(&model->arena, &attributes, 0xfde80000 + content);
	return attributes;
}

static unsigned next_hop_number(const struct rib_next_hop *next_hop)
{
	return wire_load_u32(next_hop->key.address.bytes) - 0xc0000200;
}

static void track(void *arg, struct rib_next_hop *next_hop)
{
	struct model *model = arg;

	assert_null(model->tracked[next_hop_number(next_hop)]);
	model->tracked[next_hop_number(next_hop)] = next_hop;
	model->next_hop_count++;
}

static void untrack(void *arg, struct rib_next_hop *next_hop)
{
	struct model *model = arg;

	assert_ptr_equal(model->tracked[next_hop_number(next_hop)], next_hop);
	model->tracked[next_hop_number(next_hop)] = NULL;
	model->next_hop_count--;
}

/* The set says all that it was made of. */
static void check_content(struct model *model, uint32_t content)
{
	const struct attribute_set *set = model->sets[content];
	uint8_t wanted_bytes[1024], found_bytes[1024];
	struct wire_writer wanted = wire_writer_init(wanted_bytes, sizeof(wanted_bytes));
	struct wire_writer found = wire_writer_init(found_bytes, sizeof(found_bytes));
	struct attribute_set_extra extra;
	struct bgp_attributes attributes = make_content(model, content, &extra), viewed;

	attribute_set_view(set, &viewed);
	bgp_attributes_encode_canonical(&wanted, &attributes, &model->arena);
	bgp_attributes_encode_canonical(&found, &viewed, &model->arena);
	assert_int_equal(wire_written(&wanted), wire_written(&found));
	assert_memory_equal(wanted_bytes, found_bytes, wire_written(&wanted));
	assert_true(ip_address_equal(&attributes.next_hop.address, &viewed.next_hop.address));
	assert_true(set->audience == extra.audience);
	assert_int_equal(set->kernel_metric, extra.kernel_metric);
	assert_int_equal(set->local_pref, content % 3 ? content / 500 : BGP_LOCAL_PREF_DEFAULT);
	assert_int_equal(set->med, content % 2 ? content / 1000 : 0);
	assert_int_equal(set->as_path_length, content % 11 ? 5 - content % 5 : 0);
	assert_int_equal(set->references, model->references[content]);
	arena_reset(&model->arena);
}

static void hold(struct model *model, uint32_t content)
{
	struct attribute_set_extra extra;
	struct bgp_attributes attributes = make_content(model, content, &extra);
	struct attribute_set *set;

	if (model->sets[content] && random_below(&model->random, 2))
		set = attribute_set_hold(model->sets[content]);
	else
		set = attribute_set_intern(&model->store, &attributes, &extra);
	arena_reset(&model->arena);
	assert_non_null(set);
	if (model->sets[content]) {
		assert_ptr_equal(set, model->sets[content]);
	} else {
		model->count++;
		model->users[content % NEXT_HOPS]++;
		assert_int_equal(set->references, 1);
	}
	model->sets[content] = set;
	model->references[content]++;
	assert_ptr_equal(set->next_hop, model->tracked[content % NEXT_HOPS]);
}

static void release(struct model *model, uint32_t content)
{
	unsigned next_hop = content % NEXT_HOPS;

	if (!model->references[content])
		return;
	attribute_set_release(&model->store, model->sets[content]);
	if (--model->references[content])
		return;
	model->sets[content] = NULL;
	model->count--;
	model->users[next_hop]--;
	assert_int_equal(model->users[next_hop] > 0, model->tracked[next_hop] != NULL);
}

static void step(struct model *model, unsigned step_number)
{
	uint32_t content = random_below(&model->random, CONTENTS);
	uint32_t limit = step_number / PHASE % 2 ? 1 : 3;

	if (random_below(&model->random, 4) >= limit)
		release(model, content);
	else if (model->references[content] < REFERENCES_MAX)
		hold(model, content);
	if (model->sets[content] && step_number % 4 == 0)
		check_content(model, content);
	assert_int_equal(model->store.sets.count, model->count);
	assert_int_equal(model->store.next_hops.count, model->next_hop_count);
	assert_int_equal(model->store.bytes > 0, model->count > 0);
}

static void run(uint64_t seed, unsigned steps)
{
	struct model *model = memory_allocate_zero(1, sizeof(*model));

	model->random = seed;
	attribute_store_init(&model->store, seed);
	model->store.ops = (struct rib_next_hop_ops){track, untrack};
	model->store.ops_arg = model;
	for (unsigned i = 0; i < steps; i++)
		step(model, i);
	for (uint32_t content = 0; content < CONTENTS; content++) {
		if (model->sets[content])
			check_content(model, content);
		while (model->references[content])
			release(model, content);
	}
	assert_int_equal(model->store.sets.count, 0);
	assert_int_equal(model->store.next_hops.count, 0);
	assert_int_equal(model->next_hop_count, 0);
	assert_int_equal(model->store.bytes, 0);
	attribute_store_release(&model->store);
	arena_free(&model->arena);
	free(model);
}

static void equal_contents_are_one_set(void **state)
{
	(void)state;
	for (unsigned seed = model_first_seed(); seed < model_last_seed(SEEDS); seed++) {
		print_message("seed %u\n", seed);
		run(seed, model_steps(STEPS));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_contents_are_one_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
