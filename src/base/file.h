/*
 * Small files that are read whole: configuration, credentials.  Not for what is large, and not for
 * what may be a pipe that nobody writes into: opening and reading never wait.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* What is another one if the content of a file may be; all zero: there is no such file. */
struct file_identity {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct file_identity file_identify(const char *path);
bool file_identity_equal(const struct file_identity *a, const struct file_identity *b);

/*
 * The content with a NUL behind it, the caller's to free; `*length` does not count the NUL.  NULL
 * and errno if it cannot be read; EFBIG if it is longer than `limit` bytes.
 */
char *file_read(const char *path, size_t limit, size_t *length);

#endif
