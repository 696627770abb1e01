/*
 * Small files that are read whole: configuration, credentials.  Not for what is large, and not for
 * what may be a pipe that nobody writes into: opening and reading never wait.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

/*
 * The content with a NUL behind it, the caller's to free; `*length` does not count the NUL.  NULL
 * and errno if it cannot be read; EFBIG if it is longer than `limit` bytes.
 */
char *file_read(const char *path, size_t limit, size_t *length);

#endif
