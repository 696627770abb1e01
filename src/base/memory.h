/*
 * Allocation that cannot fail: a daemon that is out of memory can do nothing better than stop
 * and be restarted, so these abort with a message and no caller checks.  What a neighbour can
 * make grow is limited long before, by the module that owns it.  `memory_grow` is the one way
 * arrays grow in this tree.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

void *memory_allocate(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed memory for `count` items of `size` bytes; the product is checked. */
void *memory_allocate_zero(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *memory_resize(void *old, size_t size) __attribute__((returns_nonnull));
char *memory_copy_string(const char *string) __attribute__((malloc, returns_nonnull));
void *memory_copy(const void *bytes, size_t size) __attribute__((malloc, returns_nonnull));

/*
 * Zeroed memory of whole pages from the system, which has it back with munmap(), as free() does not
 * promise.  Pages cost nothing until they are touched.
 */
void *memory_map(size_t size) __attribute__((malloc, returns_nonnull));

/*
 * Makes room for at least `need` items of `size` bytes in the array `items` that holds
 * `*capacity`; returns the array, perhaps moved, and updates `*capacity`.  Growth is geometric.
 */
void *memory_grow(void *items, size_t *capacity, size_t need, size_t size)
    __attribute__((returns_nonnull));
/* The same, and what is added is zero. */
void *memory_grow_zero(void *items, size_t *capacity, size_t need, size_t size)
    __attribute__((returns_nonnull));
/*
 * Gives back the end of an array of which only the first `need` items are in use, if that is three
 * quarters of it or more, and worth a page; returns the array, perhaps moved, or NULL if nothing is
 * left of it.
 */
void *memory_shrink(void *items, size_t *capacity, size_t need, size_t size);

/*
 * Once, at the start of the process: makes large allocations mappings of their own, which free()
 * gives back for sure.  By default malloc() stops doing so once the first one has been freed.
 */
void memory_set_up(void);

#endif
