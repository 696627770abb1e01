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

#endif
