/*
 * A file is read until its end and not as long as its size says: the size of what is in /proc or
 * is being replaced says nothing.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define PIECE 16384

char *file_read(const char *path, size_t limit, size_t *length)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t capacity = 0;
	char *bytes = NULL;
	ssize_t got = -1;
	int reason;

	if (fd < 0)
		return NULL;
	*length = 0;
	do {
		bytes = memory_grow(bytes, &capacity, *length + PIECE + 1, 1);
		got = read(fd, bytes + *length, PIECE);
		if (got > 0)
			*length += (size_t)got;
		if (*length > limit) {
			errno = EFBIG;
			got = -1;
			break;
		}
	} while (got > 0 || (got < 0 && errno == EINTR));
	reason = errno;
	close(fd);
	if (got == 0) {
		bytes[*length] = '\0';
		return bytes;
	}
	free(bytes);
	errno = reason;
	return NULL;
}

struct file_identity file_identify(const char *path)
{
	struct file_identity identity;
	struct stat status;

	memset(&identity, 0, sizeof(identity));
	if (stat(path, &status) == 0) {
		identity.device = status.st_dev;
		identity.inode = status.st_ino;
		identity.size = status.st_size;
		identity.changed = status.st_ctim;
	}
	return identity;
}

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}
